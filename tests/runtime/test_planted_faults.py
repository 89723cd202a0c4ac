"""Faults, planted one at a time: each ends as docs/runtime.md says, within two control periods,
and nothing unsafe is ever written to the servos."""

import numpy as np
import pytest
from planted import AT, JOINTS, assert_stopped, assert_tolerated, hasty, plan_fault
from rigs import Rig, Written


@pytest.fixture
def description(bundle):
    return hasty(bundle)


@pytest.fixture
def rig(description, tmp_path):
    return Rig(description, tmp_path / "log")


def test_without_a_fault_nothing_happens(rig):
    assert_tolerated(rig.run(AT + 30))


# --- sensors


PLACES = [
    *(("gyro", i) for i in range(3)),
    *(("orientation", i) for i in range(4)),
    *(("encoders", i) for i in range(JOINTS)),
]


@pytest.mark.parametrize("rubbish", [np.nan, np.inf])
@pytest.mark.parametrize(("sensor", "place"), PLACES)
def test_a_reading_that_is_not_a_number_stops_softly(rig, sensor, place, rubbish):
    def fault(sensors):
        value = getattr(sensors, sensor).copy()
        value[place] = rubbish
        return sensors._replace(**{sensor: value})

    plan_fault(rig, fault)
    assert_stopped(rig.run(AT + 30), "sensor")


def off_by(rig, sensor, place, offset):
    """Plant a finite reading that cannot be."""

    def fault(sensors):
        value = getattr(sensors, sensor).copy()
        value[place] += offset
        return sensors._replace(**{sensor: value})

    plan_fault(rig, fault)


@pytest.mark.parametrize("rubbish", [1e6, -1e6, 40.0])
@pytest.mark.parametrize("axis", range(3))
def test_a_turning_rate_beyond_the_gyro_stops_softly(rig, axis, rubbish):
    off_by(rig, "gyro", axis, rubbish)
    assert_stopped(rig.run(AT + 30), "sensor")


@pytest.mark.parametrize("offset", [50.0, -50.0, 2.0, -0.6])
@pytest.mark.parametrize("joint", range(JOINTS))
def test_an_encoder_that_jumps_stops_softly(rig, joint, offset):
    off_by(rig, "encoders", joint, offset)
    assert_stopped(rig.run(AT + 30), "sensor")


@pytest.mark.parametrize("joint", range(JOINTS))
def test_a_joint_far_outside_its_range_is_not_moved_at_all(rig, joint):
    joints = rig.description.joints
    rig.robot._angles[joint] = joints.upper[joint] + 0.3
    rig.run(AT)
    assert rig.trips == ["sensor"]
    assert rig.written.targets == []


@pytest.mark.parametrize("joint", range(JOINTS))
def test_a_joint_a_little_outside_its_range_is_led_back_slowly(rig, joint):
    joints, margin = rig.description.joints, rig.description.safety.angle_margin
    start = rig.robot._angles.copy()
    start[joint] = joints.lower[joint] - 0.9 * margin
    rig.robot._angles = start
    assert_tolerated(rig.run(AT + 30))
    assert np.abs(rig.written.targets[0] - start).max() <= margin


@pytest.mark.parametrize("length", [0.0, 0.5, 0.85, 1.2, 2.0])
def test_an_orientation_that_is_none_stops_softly(rig, length):
    plan_fault(rig, lambda s: s._replace(orientation=length * s.orientation))
    assert_stopped(rig.run(AT + 30), "sensor")


@pytest.mark.parametrize("seed", range(8))
def test_a_frozen_imu_stops_softly(rig, seed):
    frozen, ticks = np.random.default_rng(seed).normal(0, 0.02, 3), []

    def freeze(sensors):
        ticks.append(sensors.tick)
        return sensors._replace(gyro=frozen, imu_at=ticks[0])

    rig.plan[AT - 1] = lambda: setattr(rig.robot, "fault", freeze)  # its last news is still news
    assert_stopped(rig.run(AT + 30), "frozen")


@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("angle", [61.0, 75.0, 90.0, 120.0, -61.0, -90.0])
def test_a_lean_beyond_60_degrees_stops_softly_and_a_turn_does_not(rig, axis, angle):
    quat = np.zeros(4)
    quat[0], quat[1 + axis] = np.cos(np.radians(angle) / 2), np.sin(np.radians(angle) / 2)
    plan_fault(rig, lambda s: s._replace(orientation=quat))
    if axis == 2:
        assert_tolerated(rig.run(AT + 30))
    else:
        assert_stopped(rig.run(AT + 30), "tilt")


@pytest.mark.parametrize("angle", [10.0, 40.0, 59.0])
def test_a_lean_within_60_degrees_is_the_policys_own_business(rig, angle):
    quat = np.array([np.cos(np.radians(angle) / 2), 0.0, np.sin(np.radians(angle) / 2), 0.0])
    plan_fault(rig, lambda s: s._replace(orientation=quat))
    assert_tolerated(rig.run(AT + 30))


# --- time


@pytest.mark.parametrize("periods", [2, 3, 10, 10**6])
def test_dropped_packets_stop_softly(rig, periods):
    plan_fault(rig, lambda _: None, periods)
    assert_stopped(rig.run(AT + 30), "missing")


@pytest.mark.parametrize("offset", range(5))
def test_one_dropped_packet_keeps_the_last_targets(rig, offset):
    rig.plan[AT + offset] = lambda: setattr(rig.robot, "fault", lambda _: None)
    rig.plan[AT + offset + 1] = lambda: setattr(rig.robot, "fault", lambda s: s)
    rig.run(AT + 30)
    assert_tolerated(rig)
    lost = np.flatnonzero(rig.log.columns()["tick"] < 0)
    assert lost.tolist() == [AT + offset]
    targets = rig.log.columns()["targets"]
    np.testing.assert_array_equal(targets[lost], targets[lost - 1])


@pytest.mark.parametrize("joint", range(JOINTS))
def test_a_joint_that_is_not_read_any_more_stops_softly(rig, joint):
    def fault(sensors):
        read_at = sensors.read_at.copy()
        read_at[joint] = AT - 2  # a bus reads each joint every second period
        return sensors._replace(read_at=read_at)

    plan_fault(rig, fault)
    assert_stopped(rig.run(AT + 30), "stale")


@pytest.mark.parametrize("milliseconds", [21, 25, 40, 100, 500])
def test_a_late_loop_stops_softly(rig, milliseconds):
    rig.plan[AT] = lambda: rig.clock.sleep(milliseconds / 1000)
    assert_stopped(rig.run(AT + 30), "late")


@pytest.mark.parametrize("milliseconds", [541, 2000, 10**6])
def test_a_loop_that_hung_comes_back_to_an_emergency(rig, milliseconds):
    rig.plan[AT] = lambda: rig.clock.sleep(milliseconds / 1000)
    assert_stopped(rig.run(AT + 30), "emergency")


@pytest.mark.parametrize("milliseconds", [45, 59, 61, 100, 500])
@pytest.mark.parametrize("place", ["policy", "read", "write"])
def test_a_control_step_that_hangs_makes_the_next_one_late(rig, place, milliseconds):
    def hang_once(function):
        def slow(*args):
            if rig.steps == AT and not hung:
                hung.append(True)
                rig.clock.sleep(milliseconds / 1000)
            return function(*args)

        return slow

    hung = []
    if place == "policy":
        rig.supervisor._policy = hang_once(rig.supervisor._policy)
    else:
        setattr(rig.robot, place, hang_once(getattr(rig.robot, place)))
    assert_stopped(rig.run(AT + 30), "late")
    assert rig.log.columns()["lateness"].max() == pytest.approx(milliseconds / 1000 - 0.02)


@pytest.mark.parametrize("milliseconds", [1, 5, 15])
def test_a_loop_that_is_a_little_late_goes_on(rig, milliseconds):
    rig.plan[AT] = lambda: rig.clock.sleep(milliseconds / 1000)
    assert_tolerated(rig.run(AT + 30))


def test_the_judge_of_what_is_written_sees_what_is_unsafe(description):
    joints = description.joints
    for change in (np.nan, joints.upper[3] + 0.01 - joints.home_target[3], -5.0):
        judge, targets = Written(description), joints.home_target.copy()
        judge.take(targets)
        assert judge.unsafe == []
        targets[3] += change
        judge.take(targets)
        assert judge.unsafe
