"""Servos and an IMU behind real pseudo-terminals, as a robot's two serial ports."""

import os
import pty
import select
import struct
import threading
import time
import tty

import numpy as np
from rigs import Clock, ServoBus


class Terminal:
    """A pseudo-terminal with something alive at its other end."""

    def __init__(self) -> None:
        self.master, self._slave = pty.openpty()
        tty.setraw(self.master)
        self.device = os.ttyname(self._slave)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._done.set()
        self._thread.join(5)
        os.close(self.master)
        os.close(self._slave)

    def _live(self) -> None:
        while not self._done.is_set():
            self._beat()


class ServoTerminal(Terminal):
    """Servos on one wire: what the host says comes back to it too; answers come in two parts."""

    def __init__(self, description, echo: bool = True) -> None:
        super().__init__()
        self.bus = ServoBus(description, Clock())
        self._echo = echo

    def _beat(self) -> None:
        if not select.select([self.master], [], [], 0.01)[0]:
            return
        said = os.read(self.master, 4096)
        if self._echo:
            os.write(self.master, said)
        self.bus.write(said, 0.0)
        while answer := self.bus.read(0.0):
            os.write(self.master, answer)
            time.sleep(1e-4)


class ImuTerminal(Terminal):
    """A BNO085 in its UART-RVC mode, level but for a little noise, turning at `rate` [rad/s]."""

    def __init__(self, rate: float = 0.0) -> None:
        super().__init__()
        self._rate, self._counter = rate, 0
        self._rng = np.random.default_rng(0)

    def _beat(self) -> None:
        time.sleep(0.01)
        self._counter += 1
        yaw = np.degrees(self._rate * self._counter / 100.0) + self._rng.normal(0, 0.01)
        pitch, roll = self._rng.normal(0, 0.03, 2)
        os.write(self.master, rvc_frame(self._counter, yaw, pitch, roll))


def rvc_frame(counter: int, yaw: float, pitch: float, roll: float, weight: int = 1000) -> bytes:
    """A frame of the mode, from angles in degrees, and the acceleration along z in mg."""
    angles = [round(100 * ((angle + 180) % 360 - 180)) for angle in (yaw, pitch, roll)]
    body = struct.pack("<Bhhhhhh3x", counter % 256, *angles, 0, 0, weight)
    return b"\xaa\xaa" + body + bytes((sum(body) & 0xFF,))
