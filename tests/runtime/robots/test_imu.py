"""What an IMU's frames say, whole, in parts and damaged."""

import numpy as np
import pytest
from servo_emulator import rvc_frame

from wildrobot_cli.runtime.observing.rotations import up_vector, yaw
from wildrobot_cli.runtime.robots.imu import RvcImu, quaternion, rotation_between


class Bytes:
    """A port that holds what was put into it."""

    def __init__(self) -> None:
        self.data = b""

    def read(self, timeout: float) -> bytes:
        data, self.data = self.data, b""
        return data


def test_imu_gives_orientation_and_the_rate_of_its_change():
    port = Bytes()
    imu = RvcImu(port)
    for counter in range(5):
        port.data += rvc_frame(counter + 254, 10.0 * counter, 0.0, 0.0)
    reading = imu.read()
    assert float(yaw(reading.orientation, np)) == pytest.approx(np.radians(40.0))
    np.testing.assert_allclose(reading.gyro, [0, 0, np.radians(10.0) * 100], atol=1e-6)
    assert imu.read() is None


def test_an_imu_at_rest_has_news_as_long_as_its_accelerations_change():
    port, news = Bytes(), []
    imu = RvcImu(port)
    for counter, weight in enumerate([1000, 1001, 1002, 1003, 1003, 1003, 1004]):
        port.data = rvc_frame(counter, 0.0, 0.0, 0.0, weight)
        reading = imu.read()
        news += [reading.news] if reading else []
    assert news == [True, True, False, False, True]


def test_imu_frames_come_in_parts_and_damaged():
    port = Bytes()
    imu = RvcImu(port)
    good = [rvc_frame(counter, 0.0, 0.0, float(counter)) for counter in range(4)]
    bad = good[1][:-1] + bytes((good[1][-1] ^ 1,))
    stream = b"\x13" + good[0] + bad + good[1] + b"\xaa" + good[2] + good[3][:9]
    readings = []
    for byte in stream:
        port.data = bytes((byte,))
        readings.append(imu.read())
    (reading,) = filter(None, readings)
    np.testing.assert_allclose(reading.gyro, [np.radians(100.0), 0, 0], atol=1e-6)


def test_rotation_between_orientations_is_in_the_bodys_frame():
    before = quaternion(0.4, -0.2, 0.9)
    small = np.array([0.01, -0.02, 0.03])
    angle = np.linalg.norm(small)
    turn = np.concatenate([[np.cos(angle / 2)], np.sin(angle / 2) * small / angle])
    w, v = before[0], before[1:]
    after = np.concatenate(
        [[w * turn[0] - v @ turn[1:]], w * turn[1:] + turn[0] * v + np.cross(v, turn[1:])]
    )
    np.testing.assert_allclose(rotation_between(before, after), small, atol=1e-12)
    np.testing.assert_allclose(rotation_between(before, -after), small, atol=1e-12)
    np.testing.assert_array_equal(rotation_between(before, before), np.zeros(3))


def test_pitch_and_roll_tilt_the_up_vector_as_on_the_robot():
    nose_down = up_vector(quaternion(0.0, 0.3, 0.0), np)
    np.testing.assert_allclose(nose_down, [-np.sin(0.3), 0, np.cos(0.3)], atol=1e-12)
    to_the_right = up_vector(quaternion(0.0, 0.0, 0.3), np)
    np.testing.assert_allclose(to_the_right, [0, np.sin(0.3), np.cos(0.3)], atol=1e-12)
