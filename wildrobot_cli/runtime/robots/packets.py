"""What the runtime and a simulated robot say to each other: one datagram each way a period.

A datagram is a kind of four letters, a body, and the CRC-32 of both.
"""

import struct
import zlib

import numpy as np

from wildrobot_cli.runtime.control.estimator import Sensors

HELLO, FACTS, SENSORS, TARGETS, STOP, BYE = b"WRhi", b"WRfa", b"WRse", b"WRta", b"WRst", b"WRby"
LARGEST = 4096
"""No datagram is larger [bytes]."""


def pack(kind: bytes, body: bytes = b"") -> bytes:
    """Make a datagram."""
    message = kind + body
    return message + struct.pack("<I", zlib.crc32(message))


def unpack(datagram: bytes) -> tuple[bytes, bytes] | None:
    """Return a datagram's kind and body; None for a damaged one."""
    message, check = datagram[:-4], datagram[-4:]
    if len(message) < 4 or struct.pack("<I", zlib.crc32(message)) != check:
        return None
    return message[:4], message[4:]


def sensors_body(sensors: Sensors) -> bytes:
    """Write sensors down: tick, ages of the joints' and the IMU's readings, then floats."""
    ages = (sensors.tick - np.append(sensors.read_at, sensors.imu_at)).astype("<u2")
    floats = np.concatenate([sensors.gyro, sensors.orientation, sensors.encoders]).astype("<f4")
    return struct.pack("<I", sensors.tick) + ages.tobytes() + floats.tobytes()


def read_sensors(body: bytes, joints: int) -> Sensors | None:
    """Read them; None for a body of another size."""
    if len(body) != 4 + 2 * (joints + 1) + 4 * (7 + joints):
        return None
    (tick,) = struct.unpack_from("<I", body)
    *ages, imu_age = np.frombuffer(body, "<u2", joints + 1, 4).astype(int)
    floats = np.frombuffer(body, "<f4", 7 + joints, 4 + 2 * (joints + 1))
    imu, encoders = (floats[:3], floats[3:7]), floats[7:]
    answered = np.zeros(joints, int)
    return Sensors(*imu, encoders, tick - np.array(ages), tick, answered, tick - imu_age)


def read_targets(body: bytes, joints: int) -> np.ndarray | None:
    """Read joint targets [rad]; None for a body of another size. Shape (n,)."""
    return np.frombuffer(body, "<f4").copy() if len(body) == 4 * joints else None
