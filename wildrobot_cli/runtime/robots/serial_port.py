"""A serial port, by the standard library alone: raw bytes, never waited for without a limit."""

import array
import contextlib
import fcntl
import os
import select
import subprocess
import sys
import termios
import time
import tty
from typing import Protocol

from wildrobot_cli.errors import ConfigError

FAREWELL = 2.0
"""How long the guardian may take to end [s]."""
GUARDIAN = "wildrobot_cli.runtime.robots.guardian"
_TIOCGSERIAL, _TIOCSSERIAL, _ASYNC_LOW_LATENCY = 0x541E, 0x541F, 0x2000
_BRIEF = 2e-3
"""How long somebody else's write is waited for [s]."""
_SPEEDS = {115_200: termios.B115200}


class Port(Protocol):
    """What bytes go through: a serial port, or what stands in for one."""

    def read(self, timeout: float) -> bytes:
        """Return what has come, waiting up to `timeout` [s] for the first byte."""
        ...

    def drop_input(self) -> None:
        """Forget what has come and was not read."""
        ...

    def write(self, data: bytes, timeout: float) -> None:
        """Write bytes; what is not taken within `timeout` [s] is not sent."""
        ...

    def write_now(self, data: bytes) -> None:
        """Drop what still waits to be sent, and write this instead, without waiting."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class BusPort(Port, Protocol):
    """A port to servos that are not left under torque by a program that is gone."""

    def beat(self) -> bool:
        """Give a sign of life, at least each `guardian.SILENCE`; return whether it is heard."""
        ...


class SerialPort:
    """An open serial port; see `Port`."""

    def __init__(self, device: str, baud: int) -> None:
        """Open a device such as `/dev/ttyUSB0`.

        Raises:
            ConfigError: there is none, it is no serial port, or another program has it.
        """
        try:
            opened = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError as error:
            raise ConfigError(f"{device}: cannot open: {error.strerror}") from None
        # Not 0, 1 or 2, where a program that was started without these has its standard streams.
        self._fd = fcntl.fcntl(opened, fcntl.F_DUPFD_CLOEXEC, 3)
        os.close(opened)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            tty.setraw(self._fd)
            settings = termios.tcgetattr(self._fd)
            settings[4] = settings[5] = _SPEEDS[baud]
            termios.tcsetattr(self._fd, termios.TCSANOW, settings)
            _hand_over_at_once(self._fd)
        except BlockingIOError:
            os.close(self._fd)
            raise ConfigError(f"{device}: in use by another program") from None
        except (OSError, termios.error):
            os.close(self._fd)
            raise ConfigError(f"{device}: not a serial port") from None

    def read(self, timeout: float) -> bytes:
        """Return what has come, waiting up to `timeout` [s] for the first byte."""
        if not select.select([self._fd], [], [], max(0.0, timeout))[0]:
            return b""
        try:
            return os.read(self._fd, 4096)
        except OSError:
            return b""  # unplugged: what depends on it will find its readings missing

    def drop_input(self) -> None:
        """Forget what has come and was not read."""
        with contextlib.suppress(termios.error):
            termios.tcflush(self._fd, termios.TCIFLUSH)

    def write(self, data: bytes, timeout: float) -> None:
        """Write bytes; what is not taken within `timeout` [s] is not sent."""
        deadline = time.monotonic() + timeout
        while data:
            if not select.select([], [self._fd], [], max(0.0, deadline - time.monotonic()))[1]:
                return
            try:
                data = data[os.write(self._fd, data) :]
            except OSError:
                return  # unplugged, as above

    def write_now(self, data: bytes) -> None:
        """Drop what still waits to be sent, and write this instead, without waiting."""
        write_now(self._fd, data)

    def close(self) -> None:
        """Close it."""
        os.close(self._fd)


def write_now(fd: int, data: bytes) -> None:
    """Write instead of all that waits to be sent by an open port.

    Where somebody else is in the midst of writing, the kernel refuses for that long.
    """
    until = time.monotonic() + _BRIEF
    with contextlib.suppress(OSError, termios.error):
        termios.tcflush(fd, termios.TCOFLUSH)
        while True:
            try:
                os.write(fd, data)
            except BlockingIOError:
                if time.monotonic() > until:
                    raise
            else:
                return


def _hand_over_at_once(fd: int) -> None:
    """Have the driver not collect bytes; some USB adapters do so for 16 ms by default.

    `struct serial_struct` of <linux/serial.h>: its fifth number holds the flags.
    """
    port = array.array("i", [0] * 32)
    with contextlib.suppress(OSError):  # the driver has no such setting
        fcntl.ioctl(fd, _TIOCGSERIAL, port)
        port[4] |= _ASYNC_LOW_LATENCY
        fcntl.ioctl(fd, _TIOCSSERIAL, port)


class GuardedPort(SerialPort):
    """A serial port that hears certain last words when this process is killed, or hangs."""

    def __init__(self, device: str, baud: int, last_words: bytes) -> None:
        """Open it, and start the guardian that speaks them; see `runtime.robots.guardian`."""
        super().__init__(device, baud)
        self._guardian = subprocess.Popen(  # noqa: S603  (this program itself)
            [sys.executable, "-m", GUARDIAN, str(self._fd), last_words.hex()],
            stdin=subprocess.PIPE,
            pass_fds=(self._fd,),
            start_new_session=True,  # Ctrl-C in the terminal is not for it
        )

        assert self._guardian.stdin is not None
        self._pipe = self._guardian.stdin
        os.set_blocking(self._pipe.fileno(), False)

    def beat(self) -> bool:
        """Give a sign of life; return whether the guardian hears it."""
        try:
            os.write(self._pipe.fileno(), b".")
        except OSError:  # it is gone, or has not read for so long that the pipe is full
            return False
        return True

    def close(self) -> None:
        """Close it; the guardian speaks, and ends."""
        super().close()
        self._pipe.close()
        try:
            self._guardian.wait(FAREWELL)
        except subprocess.TimeoutExpired:  # somebody suspended it
            self._guardian.kill()
            self._guardian.wait()
