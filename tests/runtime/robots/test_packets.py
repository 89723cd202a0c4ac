"""What goes over the sockets arrives as it was sent, or not at all."""

import numpy as np

from wildrobot_cli.runtime.control.estimator import Sensors
from wildrobot_cli.runtime.robots import packets


def sensors() -> Sensors:
    rng = np.random.default_rng(0)
    gyro, quat, angles = (rng.normal(size=n).astype(np.float32) for n in (3, 4, 11))
    return Sensors(gyro, quat, angles, np.full(11, 70_000), 70_001, np.zeros(11, int), 69_999)


def test_sensors_arrive_as_they_were_sent():
    sent = sensors()
    kind, body = packets.unpack(packets.pack(packets.SENSORS, packets.sensors_body(sent)))
    assert kind == packets.SENSORS
    for ours, theirs in zip(packets.read_sensors(body, 11), sent, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_targets_arrive_as_they_were_sent():
    targets = np.arange(11, dtype="<f4")
    _, body = packets.unpack(packets.pack(packets.TARGETS, targets.tobytes()))
    np.testing.assert_array_equal(packets.read_targets(body, 11), targets)


def test_a_damaged_datagram_is_none():
    whole = packets.pack(packets.SENSORS, packets.sensors_body(sensors()))
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        assert packets.unpack(bytes(damaged)) is None
    assert packets.unpack(b"") is None


def test_a_body_of_another_robot_is_none():
    body = packets.sensors_body(sensors())
    assert packets.read_sensors(body, 12) is None
    assert packets.read_targets(body, 11) is None
