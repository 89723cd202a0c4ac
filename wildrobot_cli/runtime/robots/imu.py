"""The chest IMU, a BNO085 in its UART-RVC mode: 100 frames a second, no set-up.

A frame is 0xAA 0xAA, a counter, yaw, pitch and roll in 0.01 degrees, three accelerations, three
bytes of no use here, and the sum of all bytes after the header (BNO08X data sheet, UART-RVC). The
mode gives no angular velocity: it is the difference of orientations. The IMU is mounted x forward,
y left, z up.
"""

import struct
from typing import NamedTuple

import numpy as np

from wildrobot_cli.runtime.robots.serial_port import Port

HEADER = b"\xaa\xaa"
LENGTH = 19
RATE = 100.0
"""Frames per second [Hz]."""
BAUD = 115_200
SPAN = 2
"""Frames between the two orientations that the angular velocity is the difference of."""


class ImuReading(NamedTuple):
    """What the IMU says at one instant."""

    gyro: np.ndarray
    """Angular velocity in the IMU's frame [rad/s]. Shape (3,)."""
    orientation: np.ndarray
    """Quaternion w x y z, IMU to world. Shape (4,)."""
    news: bool
    """Whether any number of a frame changed, accelerations included; at rest they alone do."""


class RvcImu:
    """Reads frames as they come, and keeps the newest."""

    def __init__(self, port: Port) -> None:
        """Take an open port."""
        self._port = port
        self._bytes = bytearray()
        self._recent: list[tuple[int, np.ndarray]] = []
        self._said = b""

    @property
    def heard(self) -> bool:
        """Whether any sound frame has come."""
        return bool(self._recent)

    def read(self) -> ImuReading | None:
        """Return the newest reading; None when none has come since the last call."""
        fresh, said = False, self._said
        while data := self._port.read(0.0):
            self._bytes += data
        while (frame := self._next()) is not None:
            self._recent = [*self._recent[-SPAN:], frame]
            fresh = True
        if not fresh or len(self._recent) <= SPAN:
            return None
        (first, before), (last, now) = self._recent[0], self._recent[-1]
        elapsed = ((last - first) % 256) / RATE
        if not elapsed:
            return None
        return ImuReading(rotation_between(before, now) / elapsed, now, self._said != said)

    def close(self) -> None:
        """Close the port."""
        self._port.close()

    def _next(self) -> tuple[int, np.ndarray] | None:
        """Take the next sound frame: its counter and orientation."""
        while True:
            start = self._bytes.find(HEADER)
            if start < 0 or len(self._bytes) < start + LENGTH:
                del self._bytes[: max(start, 0)]
                return None
            frame = bytes(self._bytes[start : start + LENGTH])
            if sum(frame[2:-1]) & 0xFF != frame[-1]:
                del self._bytes[: start + 1]
                continue
            del self._bytes[: start + LENGTH]
            counter, *angles = struct.unpack_from("<Bhhh", frame, 2)
            self._said = frame[3:-1]
            return counter, quaternion(*np.radians(np.array(angles) / 100.0))


def quaternion(yaw: float, pitch: float, roll: float) -> np.ndarray:
    """Orientation after a turn about z, then the new y, then the new x [rad]. Shape (4,)."""
    (cy, cp, cr), (sy, sp, sr) = (f(np.array([yaw, pitch, roll]) / 2) for f in (np.cos, np.sin))
    return np.array(
        [
            cr * cp * cy + sr * sp * sy,
            sr * cp * cy - cr * sp * sy,
            cr * sp * cy + sr * cp * sy,
            cr * cp * sy - sr * sp * cy,
        ]
    )


def rotation_between(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Rotation vector from one orientation to another, in the body's frame [rad]. Shape (3,)."""
    w, v = before[0], -before[1:]
    real = w * after[0] - v @ after[1:]
    axis = w * after[1:] + after[0] * v + np.cross(v, after[1:])
    axis = axis if real >= 0 else -axis
    sine = float(np.linalg.norm(axis))
    angle = 2.0 * np.arctan2(sine, abs(real))
    return axis * (angle / sine) if sine > 0 else np.zeros(3)
