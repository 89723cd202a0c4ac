"""The driver against servos and an IMU behind real pseudo-terminals."""

import dataclasses
import json
import time

import numpy as np
import pytest
from rigs import Clock, LevelImu, ServoBus
from servo_emulator import ImuTerminal, ServoTerminal, rvc_frame

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.runtime import servo_protocol as protocol
from wildrobot_cli.runtime.bus_robot import BusRobot, open_bus_robot, read_wiring
from wildrobot_cli.runtime.imu import RvcImu, quaternion, rotation_between
from wildrobot_cli.runtime.rotations import up_vector, yaw


@pytest.fixture
def description(bundle):
    return bundle.description


@pytest.fixture(params=[True, False], ids=["echo", "silent"])
def robot(description, request):
    """A robot behind two pseudo-terminals; its bus repeats what it hears, or does not."""
    with ServoTerminal(description, request.param) as servos, ImuTerminal() as imu:
        robot = open_bus_robot(description, servos.device, imu.device, None)
        robot.servos = servos.bus
        yield robot
        robot.close()


def read(robot):
    """Read until every sensor was seen."""
    for _ in range(50):
        time.sleep(0.01)
        sensors = robot.read(0.5)
        if sensors is not None:
            return sensors
    raise AssertionError("no reading")


def test_joint_angles_come_from_the_servos_over_a_terminal(robot, description):
    for _ in range(50):  # a pseudo-terminal on a busy machine delays an answer now and then
        sensors = read(robot)
        if (sensors.tick - sensors.read_at <= 1).all():
            break
    assert (sensors.tick - sensors.read_at <= 1).all()
    np.testing.assert_allclose(sensors.encoders, description.joints.home_position, atol=2.1e-3)
    np.testing.assert_allclose(up_vector(sensors.orientation, np), [0, 0, 1], atol=5e-3)
    assert robot.corrupt_frames == 0


def test_targets_reach_the_servos_over_a_terminal(robot, description):
    read(robot)
    targets = description.joints.home_target + 0.1
    for _ in range(5):
        robot.write(targets)
        time.sleep(0.01)
    np.testing.assert_allclose(robot.servos.written.targets[-1], targets, atol=2.1e-3)
    robot.stop()
    time.sleep(0.1)
    assert not any(robot.servos.loaded.values())


def test_closing_takes_the_torque_off(description):
    bus = ServoBus(description, Clock())
    robot = BusRobot(description, read_wiring(description, None), bus, LevelImu(), bus.clock)
    robot.write(description.joints.home_target)
    assert all(bus.loaded.values())
    robot.close()
    assert not any(bus.loaded.values())


def test_half_of_the_joints_are_read_each_period(description):
    bus = ServoBus(description, Clock())
    robot = BusRobot(description, read_wiring(description, None), bus, LevelImu(), bus.clock)
    for period in range(8):
        before, begin = len(bus.asked), bus.clock.now
        sensors = robot.read(0.01)
        assert len(bus.asked) - before == 6
        assert bus.clock.now - begin <= 0.01
        if period:
            assert (sensors.tick - sensors.read_at <= 1).all()


def test_reading_and_writing_fit_into_a_control_period(description):
    bus = ServoBus(description, Clock())
    robot = BusRobot(description, read_wiring(description, None), bus, LevelImu(), bus.clock)
    robot.write(description.joints.home_target)
    begin = bus.clock.now
    robot.read(0.01)
    robot.write(description.joints.home_target)
    assert bus.clock.now - begin <= description.control_period


def test_a_stop_gets_through_behind_a_frame_that_was_cut_off(description):
    bus = ServoBus(description, Clock())
    robot = BusRobot(description, read_wiring(description, None), bus, LevelImu(), bus.clock)
    for cut in range(1, 10):
        robot.write(description.joints.home_target)
        assert all(bus.loaded.values())
        bus.write(protocol.move(4, 500)[:cut], 0.0)
        robot.stop()
        assert not any(bus.loaded.values()), cut
        bus._parser.clear()


def test_targets_that_are_not_numbers_are_not_written(description):
    bus = ServoBus(description, Clock())
    robot = BusRobot(description, read_wiring(description, None), bus, LevelImu(), bus.clock)
    robot.write(np.full(11, np.nan))
    assert bus.written.targets == []


def test_counts_stay_inside_the_joints_ranges(description):
    bus = ServoBus(description, Clock())
    robot = BusRobot(description, read_wiring(description, None), bus, LevelImu(), bus.clock)
    for limit in (description.joints.lower, description.joints.upper):
        bus.written.torque = False
        robot.write(limit)
    assert bus.written.unsafe == []


def test_calibration_gives_ids_zeros_and_signs(description, tmp_path):
    names = description.joints.names
    entries = {n: {"id": 20 + i, "zero": 510, "sign": -1} for i, n in enumerate(names)}
    (tmp_path / "c.json").write_text(json.dumps(entries))
    wiring = read_wiring(description, tmp_path / "c.json")
    assert wiring.ids.tolist() == list(range(20, 31))
    assert set(wiring.zeros) == {510}
    assert set(wiring.signs) == {-1}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: e.update(waist_jaw=e["waist_yaw"]), "did you mean 'waist_yaw'?"),
        (lambda e: e.pop("left_foot_roll"), "left_foot_roll: expected id 0..253, zero"),
        (lambda e: e["waist_yaw"].update(sign=2), "waist_yaw: expected id 0..253, zero"),
        (lambda e: e["waist_yaw"].update(id=21), "two joints with one servo id"),
    ],
)
def test_a_wrong_calibration_is_refused_by_name(description, tmp_path, change, message):
    entries = {
        n: {"id": 20 + i, "zero": 500, "sign": 1} for i, n in enumerate(description.joints.names)
    }
    change(entries)
    (tmp_path / "c.json").write_text(json.dumps(entries))
    with pytest.raises(ConfigError) as caught:
        read_wiring(description, tmp_path / "c.json")
    assert message in str(caught.value)


def test_a_policy_too_fast_for_the_bus_is_refused(description):
    fast = dataclasses.replace(description, control_period=0.01)
    with pytest.raises(ConfigError, match="the servo bus takes 0.01"):
        BusRobot(fast, read_wiring(fast, None), ServoBus(fast, Clock()), LevelImu())


def test_a_servo_without_the_joints_range_is_refused(description):
    wiring = read_wiring(description, None)
    wiring.zeros[3] = 700
    with pytest.raises(ConfigError, match="'left_knee_pitch': its range is counts 700 .. 1198"):
        BusRobot(description, wiring, ServoBus(description, Clock()), LevelImu())


def test_a_port_that_is_none_is_refused(description, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot open"):
        open_bus_robot(description, str(tmp_path / "nothing"), "imu", None)
    with pytest.raises(ConfigError, match="not a serial port"):
        open_bus_robot(description, str(tmp_path / "file"), "imu", None)
    with pytest.raises(ConfigError, match="--bus needs --imu"):
        open_bus_robot(description, "bus", None, None)


# --- IMU


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
