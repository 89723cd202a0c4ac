"""A serial port, by the standard library alone: raw bytes, never waited for without a limit."""

import contextlib
import os
import select
import termios
import time
import tty
from typing import Protocol

from wildrobot_cli.errors import ConfigError

_SPEEDS = {115_200: termios.B115200}


class Port(Protocol):
    """What bytes go through: a serial port, or what stands in for one."""

    def read(self, timeout: float) -> bytes:
        """Return what has come, waiting up to `timeout` [s] for the first byte."""
        ...

    def write(self, data: bytes, timeout: float) -> bool:
        """Write bytes; return whether all were taken within `timeout` [s]."""
        ...

    def write_now(self, data: bytes) -> None:
        """Drop what still waits to be sent, and write this instead, without waiting."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class SerialPort:
    """An open serial port; see `Port`."""

    def __init__(self, device: str, baud: int) -> None:
        """Open a device such as `/dev/ttyUSB0`.

        Raises:
            ConfigError: there is none, or it is no serial port.
        """
        try:
            self._fd = os.open(device, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError as error:
            raise ConfigError(f"{device}: cannot open: {error.strerror}") from None
        try:
            tty.setraw(self._fd)
            settings = termios.tcgetattr(self._fd)
            settings[4] = settings[5] = _SPEEDS[baud]
            termios.tcsetattr(self._fd, termios.TCSANOW, settings)
        except termios.error:
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

    def write(self, data: bytes, timeout: float) -> bool:
        """Write bytes; return whether all were taken within `timeout` [s]."""
        deadline = time.monotonic() + timeout
        while data:
            if not select.select([], [self._fd], [], max(0.0, deadline - time.monotonic()))[1]:
                return False
            try:
                data = data[os.write(self._fd, data) :]
            except OSError:
                return False
        return True

    def write_now(self, data: bytes) -> None:
        """Drop what still waits to be sent, and write this instead, without waiting."""
        with contextlib.suppress(OSError, termios.error):
            termios.tcflush(self._fd, termios.TCOFLUSH)
            os.write(self._fd, data)

    def close(self) -> None:
        """Close it."""
        os.close(self._fd)
