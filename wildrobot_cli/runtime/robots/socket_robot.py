"""A robot in another process of this machine, reached by datagrams over local sockets."""

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from wildrobot_cli.errors import EnvironmentUnavailable
from wildrobot_cli.runtime.control.estimator import Sensors
from wildrobot_cli.runtime.robots import packets
from wildrobot_cli.runtime.robots.hardware import Facts

ROBOT, RUNTIME = "robot.sock", "runtime.sock"
"""Names of the two sockets in their folder, which only the owner may enter."""
REPEATS = 3
"""How often a stop is sent: datagrams may be lost."""


class SocketRobot:
    """The runtime's end; see `runtime.robots.hardware.Robot`."""

    def __init__(
        self, folder: Path, patience: float, alive: Callable[[], bool] = lambda: True
    ) -> None:
        """Find the robot whose socket lies in `folder`, waiting for it up to `patience` [s].

        Raises:
            EnvironmentUnavailable: it does not answer, or is no longer `alive`.
        """
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / RUNTIME))
        self._robot = str(folder / ROBOT)
        self._facts = self._meet(time.monotonic() + patience, alive)
        self._tick = -1

    @property
    def facts(self) -> Facts:
        """What the robot says of itself."""
        return self._facts

    def read(self, timeout: float) -> Sensors | None:
        """Return the newest sensors, waiting up to `timeout` [s] for new ones."""
        newest, deadline = None, time.monotonic() + timeout
        while True:
            wait = 0.0 if newest else max(0.0, deadline - time.monotonic())
            body = self._receive(packets.SENSORS, wait)
            if body is None:
                return newest
            sensors = packets.read_sensors(body, len(self._facts.joints))
            if sensors is not None and sensors.tick > self._tick:
                newest, self._tick = sensors, sensors.tick

    def unheard(self) -> tuple[str, ...]:
        """Name the robot, whose readings come in one, until one has come."""
        return () if self._tick >= 0 else ("the simulated robot",)

    def alarm(self) -> str | None:
        """Nothing ever."""
        return None

    def write(self, targets: np.ndarray) -> None:
        """Send joint targets. Shape (n,) [rad]."""
        self._send(packets.pack(packets.TARGETS, targets.astype("<f4").tobytes()))

    def stop(self) -> None:
        """Take the torque off all servos."""
        for _ in range(REPEATS):
            self._send(packets.pack(packets.STOP))

    def close(self) -> None:
        """Take the torque off, and send the robot away."""
        self.stop()
        self._send(packets.pack(packets.BYE))
        self._socket.close()

    def _send(self, datagram: bytes) -> None:
        try:
            self._socket.sendto(datagram, socket.MSG_DONTWAIT, self._robot)
        except OSError:
            return  # a robot that is gone shows itself by its missing sensors

    def _receive(self, kind: bytes, timeout: float) -> bytes | None:
        """Return the body of the next sound datagram of a kind, waiting up to `timeout` [s]."""
        deadline = time.monotonic() + timeout
        while True:
            self._socket.settimeout(max(0.0, deadline - time.monotonic()))
            try:
                message = packets.unpack(self._socket.recv(packets.LARGEST))
            except OSError:
                return None
            if message is not None and message[0] == kind:
                return message[1]

    def _meet(self, deadline: float, alive: Callable[[], bool]) -> Facts:
        while alive() and time.monotonic() < deadline:
            self._send(packets.pack(packets.HELLO))
            body = self._receive(packets.FACTS, 0.1)
            if body is not None:
                facts = json.loads(body)
                lower, upper = np.array(facts["lower"]), np.array(facts["upper"])
                return Facts(tuple(facts["joints"]), lower, upper, facts["control_period"])
        self._socket.close()
        what = "does not answer" if alive() else "ended before it answered"
        raise EnvironmentUnavailable(f"the simulated robot {what}")
