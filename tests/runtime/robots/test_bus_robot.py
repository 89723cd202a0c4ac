"""The driver against servos and an IMU behind real pseudo-terminals."""

import dataclasses
import json
import time
from pathlib import Path

import numpy as np
import pytest
from rigs import Clock, LevelImu, ServoBus, calibration, calibration_file
from servo_emulator import ImuTerminal, ServoTerminal

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.runtime.observing.rotations import up_vector
from wildrobot_cli.runtime.robots import bus_robot as bus_robots
from wildrobot_cli.runtime.robots import servo_protocol as protocol
from wildrobot_cli.runtime.robots.bus_robot import BusRobot, check_bus, open_bus_robot
from wildrobot_cli.runtime.robots.calibration import read_calibration
from wildrobot_cli.runtime.robots.hardware import check_fits


@pytest.fixture
def description(bundle):
    return bundle.description


@pytest.fixture
def file(description, tmp_path):
    """A calibration, written down."""
    return calibration_file(description, tmp_path)


@pytest.fixture(params=[True, False], ids=["echo", "silent"])
def robot(description, file, request, monkeypatch):
    """A robot behind two pseudo-terminals; its bus repeats what it hears, or does not.

    A pseudo-terminal on a busy machine takes longer than a bus: its answers are waited for.
    """
    monkeypatch.setattr(bus_robots, "ANSWER_TIME", 0.2)
    with ServoTerminal(description, request.param) as servos, ImuTerminal() as imu:
        robot = open_bus_robot(description, servos.device, imu.device, file)
        robot.servos = servos.bus
        yield robot
        robot.close()


def bus_robot(description, bus, **changes) -> BusRobot:
    period, servos = description.control_period, calibration(description, **changes)
    return BusRobot(servos, period, bus, LevelImu(), bus.clock)


def read(robot):
    """Read until every sensor was seen."""
    for _ in range(50):
        time.sleep(0.01)
        sensors = robot.read(5.0)
        if sensors is not None:
            return sensors
    raise AssertionError("no reading")


def test_joint_angles_come_from_the_servos_over_a_terminal(robot, description):
    sensors = read(robot)
    assert (sensors.tick - sensors.read_at <= 1).all()
    np.testing.assert_allclose(sensors.encoders, description.joints.home_position, atol=2.1e-3)
    np.testing.assert_allclose(up_vector(sensors.orientation, np), [0, 0, 1], atol=5e-3)


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
    robot = bus_robot(description, bus)
    robot.write(description.joints.home_target)
    assert all(bus.loaded.values())
    robot.close()
    assert not any(bus.loaded.values())


def test_half_of_the_joints_are_read_each_period(description):
    bus = ServoBus(description, Clock())
    robot = bus_robot(description, bus)
    for period in range(8):
        before, begin = len(bus.asked), bus.clock.now
        sensors = robot.read(0.01)
        assert len(bus.asked) - before == 6
        assert bus.clock.now - begin <= 0.01
        if period:
            assert (sensors.tick - sensors.read_at <= 1).all()


def test_reading_and_writing_fit_into_a_control_period(description):
    bus = ServoBus(description, Clock())
    robot = bus_robot(description, bus)
    robot.write(description.joints.home_target)
    begin = bus.clock.now
    robot.read(0.01)
    robot.write(description.joints.home_target)
    assert bus.clock.now - begin <= description.control_period


def test_a_stop_gets_through_behind_a_frame_that_was_cut_off(description):
    bus = ServoBus(description, Clock())
    robot = bus_robot(description, bus)
    for cut in range(1, 10):
        robot.write(description.joints.home_target)
        assert all(bus.loaded.values())
        bus.write(protocol.move(4, 500)[:cut], 0.0)
        robot.stop()
        assert not any(bus.loaded.values()), cut
        bus._parser.clear()


@pytest.mark.parametrize("milliseconds", [4, 8, 15])
def test_an_answer_that_comes_too_late_is_not_taken_for_the_next_one(description, milliseconds):
    bus = ServoBus(description, Clock())
    late: list[tuple[float, bytes]] = []

    def fault(servo, answer):
        if servo != 3:
            return answer
        late.append((bus.clock.now + milliseconds / 1000, answer))
        return b""

    def read(timeout, honest=bus.read):
        while late and late[0][0] <= bus.clock.now:
            bus._out += late.pop(0)[1]
        return honest(timeout)

    def drop_input(honest=bus.drop_input):
        bus.read(0.0)
        honest()

    bus.fault, bus.read, bus.drop_input = fault, read, drop_input
    robot = bus_robot(description, bus)
    for _ in range(10):
        robot.read(0.01)
        bus.clock.sleep(0.01)
    assert robot.unheard() == ("servo 3 (left_hip_roll)",)


def test_targets_that_are_not_numbers_are_not_written(description):
    bus = ServoBus(description, Clock())
    robot = bus_robot(description, bus)
    robot.write(np.full(11, np.nan))
    assert bus.written.targets == []


def test_counts_stay_inside_the_joints_ranges(description):
    bus = ServoBus(description, Clock())
    robot = bus_robot(description, bus)
    for limit in (description.joints.lower, description.joints.upper):
        bus.written.torque = False
        robot.write(limit)
    assert bus.written.unsafe == []


def rewrite(file, change) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def test_calibration_gives_what_was_written(description, file):
    def remount(content):
        for index, entry in enumerate(content["joints"]):
            entry.update(id=20 + index, zero=510, sign=-1)

    rewrite(file, remount)
    servos = read_calibration(file)
    assert (servos.robot, servos.joints) == (description.robot, description.joints.names)
    assert servos.ids.tolist() == list(range(20, 31))
    assert set(servos.zeros) == {510}
    assert set(servos.signs) == {-1}
    np.testing.assert_array_equal(servos.lower, description.joints.lower)
    np.testing.assert_array_equal(servos.upper, description.joints.upper)


def joint(index, **changes):
    return lambda content: content["joints"][index].update(changes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("robot"), "expected an object with robot and joints"),
        (lambda c: c.update(joints={}), "joints: expected a list"),
        (joint(0, zeros=1), "joints[0]: no key 'zeros'; did you mean 'zero'?"),
        (lambda c: c["joints"][3].pop("sign"), "joints[3]: sign: expected 1 or -1, got None"),
        (joint(3, sign=2), "joints[3]: sign: expected 1 or -1, got 2"),
        (joint(3, id=254), "joints[3]: id: expected a whole number in 0 .. 253, got 254"),
        (joint(3, zero=1001), "joints[3]: zero: expected a count in 0 .. 1000, got 1001"),
        (joint(3, lower=float("nan")), "joints[3]: lower: expected a number [rad]"),
        (joint(3, upper=-1), "joints[3]: upper: expected a number above lower [rad], got -1"),
        (joint(0, id=2), "two joints with the id 2"),
        (joint(0, name="left_hip_roll"), "two joints with the name 'left_hip_roll'"),
    ],
)
def test_a_wrong_calibration_is_refused_by_name(file, change, message):
    rewrite(file, change)
    with pytest.raises(ConfigError) as caught:
        read_calibration(file)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"--calibration {file}: ")


def reorder(content):
    content["joints"][0], content["joints"][1] = content["joints"][1], content["joints"][0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(robot="biped"), "'biped'; the policy is for the robot 'wildrobot'"),
        (joint(0, name="waist_jaw"), "the robot has no joint 'waist_yaw' of the policy; did you"),
        (reorder, "joint 'waist_yaw' is number 0 for the policy, 1 on the robot"),
        (lambda c: c["joints"].pop(), "the robot has no joint 'right_foot_roll' of the policy"),
        (
            joint(3, upper=2.0),
            "limits 0.0 .. 2.09 rad in the policy, 0.0 .. 2.0",
        ),
    ],
)
def test_a_calibration_of_another_robot_is_refused_before_a_port_is_opened(
    description, file, change, message
):
    rewrite(file, change)
    with pytest.raises(ConfigError) as caught:
        open_bus_robot(description, "no port", "no port", file)
    assert message in str(caught.value)


def test_the_robot_says_of_itself_what_its_calibration_says_and_not_what_the_policy_says(
    description,
):
    joints = description.joints
    robot = bus_robot(description, ServoBus(description, Clock()), upper=joints.upper - 0.1)
    with pytest.raises(ConfigError, match="joint 'waist_yaw': limits"):
        check_fits(description, robot.facts)


def test_a_policy_too_fast_for_the_bus_is_refused(description):
    fast = dataclasses.replace(description, control_period=0.01)
    with pytest.raises(ConfigError, match=r"the servo bus takes 0\.01"):
        bus_robot(fast, ServoBus(fast, Clock()))


def test_a_servo_without_the_joints_range_is_refused(description):
    zeros = np.where(np.arange(11) == 3, 700, 500)
    with pytest.raises(ConfigError, match=r"'left_knee_pitch': its range is counts 700 \.\. 1198"):
        bus_robot(description, ServoBus(description, Clock()), zeros=zeros)


def test_a_port_that_is_none_is_refused(description, file, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot open"):
        open_bus_robot(description, str(tmp_path / "nothing"), "imu", file)
    with pytest.raises(ConfigError, match="not a serial port"):
        open_bus_robot(description, str(tmp_path / "file"), "imu", file)


@pytest.mark.parametrize(
    ("ways", "message"),
    [
        (("bus", None, Path("c")), "--bus needs --imu: the serial port of the IMU"),
        (("bus", "imu", None), "--bus needs --calibration: the file that says how its servos"),
        ((None, "imu", None), "--imu needs --bus"),
        ((None, None, Path("c")), "--calibration needs --bus"),
        (("/dev/a", "/dev/../dev/a", Path("c")), "--bus and --imu are the same port, /dev/a"),
    ],
)
def test_a_robot_is_named_whole_or_not_at_all(ways, message):
    with pytest.raises(ConfigError, match=message):
        check_bus(*ways)
