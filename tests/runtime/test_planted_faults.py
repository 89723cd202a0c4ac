"""Faults, planted one at a time: each ends as docs/runtime.md says, within two control periods,
and nothing unsafe is ever written to the servos."""

import dataclasses
import itertools

import numpy as np
import pytest
from rigs import Rig, Written, stand

from wildrobot_cli.runtime import servo_protocol as protocol

JOINTS = 11
AT = 30
"""The control step at which a fault begins: the robot walks since step 11."""
SOON = 2
"""Control periods until the reaction."""


@pytest.fixture
def description(bundle):
    safety = dataclasses.replace(bundle.description.safety, soft_stop_time=0.1, startup_time=0.2)
    return dataclasses.replace(bundle.description, safety=safety)


@pytest.fixture
def rig(description, tmp_path):
    return Rig(description, tmp_path / "log")


@pytest.fixture
def bus(description, tmp_path):
    return Rig(description, tmp_path / "log", bus=True)


def assert_stopped(rig, cause):
    assert rig.trips == [cause]
    assert AT <= rig.tripped_at() < AT + SOON
    assert rig.supervisor.mode == "stopped"
    assert not rig.written.torque
    assert rig.written.unsafe == []
    assert [e.cause for e in rig.log.flush(rig.supervisor.events)][:2] == ["walking", cause]


def assert_tolerated(rig):
    assert rig.trips == []
    assert rig.tripped_at() > AT + SOON
    assert rig.written.unsafe == []


def plan_fault(rig, fault, steps=10**9):
    honest = rig.robot.fault
    rig.plan[AT] = lambda: setattr(rig.robot, "fault", fault)
    rig.plan[AT + steps] = lambda: setattr(rig.robot, "fault", honest)


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


@pytest.mark.parametrize("length", [0.0, 0.5, 0.85, 1.2, 2.0])
def test_an_orientation_that_is_none_stops_softly(rig, length):
    plan_fault(rig, lambda s: s._replace(orientation=length * s.orientation))
    assert_stopped(rig.run(AT + 30), "sensor")


@pytest.mark.parametrize("seed", range(8))
def test_a_frozen_imu_stops_softly(rig, seed):
    frozen = np.random.default_rng(seed).normal(0, 0.02, 3)
    # The first reading of the frozen value still differs from the one before.
    rig.plan[AT - 1] = lambda: setattr(rig.robot, "fault", lambda s: s._replace(gyro=frozen))
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


@pytest.mark.parametrize("milliseconds", [21, 25, 40, 100, 500, 2000])
def test_a_late_loop_stops_softly(rig, milliseconds):
    rig.plan[AT] = lambda: rig.clock.sleep(milliseconds / 1000)
    assert_stopped(rig.run(AT + 30), "late")


@pytest.mark.parametrize("milliseconds", [1, 5, 15])
def test_a_loop_that_is_a_little_late_goes_on(rig, milliseconds):
    rig.plan[AT] = lambda: rig.clock.sleep(milliseconds / 1000)
    assert_tolerated(rig.run(AT + 30))


# --- policy and commands


@pytest.mark.parametrize("place", range(JOINTS))
def test_a_policy_that_gives_no_number_stops_softly(description, tmp_path, place):
    rig = Rig(description, tmp_path / "log", policy=lambda o: answer(o))
    answer = stand(description)

    def broken(observation):
        targets = description.joints.home_target.astype(np.float32)
        targets[place] = np.nan
        return targets, np.zeros(JOINTS, np.float32)

    def plant():
        nonlocal answer
        answer = broken

    rig.plan[AT] = plant
    assert_stopped(rig.run(AT + 30), "policy")


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("place", range(JOINTS))
def test_wild_targets_are_clamped_and_a_stalled_joint_stops_in_the_end(
    description, tmp_path, place, sign
):
    def wild(observation):
        targets = description.joints.home_target.astype(np.float32)
        targets[place] += sign * 100.0
        return targets, np.zeros(JOINTS, np.float32)

    rig = Rig(description, tmp_path / "log", policy=wild).run(AT + 30)
    assert rig.written.unsafe == []
    joints = description.joints
    written = np.stack(rig.written.targets)
    assert (written >= joints.lower - 1e-6).all()
    assert (written <= joints.upper + 1e-6).all()


WILD = [1e9, -1e9, np.nan, np.inf, -np.inf, 5.0]


@pytest.mark.parametrize(("place", "value"), [*itertools.product(range(3), WILD)])
def test_a_command_out_of_range_is_clamped_and_ramped(rig, place, value):
    asked = np.zeros(3)
    asked[place] = value
    rig.plan[AT] = lambda: setattr(rig.loop, "command", asked)
    assert_tolerated(rig.run(AT + 30))
    commands, seen = rig.description.commands, rig.log.columns()["command"][12 : AT + 30]
    assert np.isfinite(seen).all()
    assert (seen >= commands.lowest - 1e-6).all()
    assert (seen <= commands.highest + 1e-6).all()
    step = commands.ramp * rig.description.control_period
    assert (np.abs(np.diff(seen, axis=0)) <= step + 1e-6).all()


# --- servo bus


def spoil(rig, servo, fault):
    """From step AT on, spoil a servo's answers; return the steps at which it was asked."""
    steps = []

    def answer(asked, honest):
        if asked != servo:
            return honest
        steps.append(rig.steps)
        return fault(honest)

    rig.plan[AT] = lambda: setattr(rig.bus, "fault", answer)
    return steps


def assert_stopped_by_its_second_silence(rig, asked):
    assert rig.trips == ["servo"]
    assert len(asked) >= 2
    assert AT <= asked[0] <= rig.tripped_at() < asked[0] + SOON
    assert rig.written.unsafe == []
    assert not any(rig.bus.loaded.values())


@pytest.mark.parametrize("servo", range(1, JOINTS + 1))
def test_a_servo_that_does_not_answer_stops_softly(bus, servo):
    asked = spoil(bus, servo, lambda answer: b"")
    assert_stopped_by_its_second_silence(bus.run(AT + 30), asked)


CORRUPT = {
    "checksum": lambda a: a[:-1] + bytes((a[-1] ^ 1,)),
    "bit": lambda a: a[:5] + bytes((a[5] ^ 0x80,)) + a[6:],
    "cut": lambda a: a[:5],
    "length": lambda a: a[:3] + b"\xff" + a[4:],
    "other servo": lambda a: protocol.pack(200, protocol.POSITION, a[5:7]),
    "noise": lambda a: b"\x55\x00\x55\xaa\x13\x37",
}


@pytest.mark.parametrize("kind", CORRUPT)
@pytest.mark.parametrize("servo", range(1, JOINTS + 1, 2))
def test_a_servo_whose_answers_are_corrupt_stops_softly(bus, servo, kind):
    asked = spoil(bus, servo, CORRUPT[kind])
    assert_stopped_by_its_second_silence(bus.run(AT + 30), asked)


@pytest.mark.parametrize("kind", CORRUPT)
@pytest.mark.parametrize("offset", range(2))
def test_one_corrupt_answer_is_asked_for_again(bus, kind, offset):
    spoilt = []

    def once(servo, answer):
        if spoilt:
            return answer
        spoilt.append(servo)
        return CORRUPT[kind](answer)

    bus.plan[AT + offset] = lambda: setattr(bus.bus, "fault", once)
    assert_tolerated(bus.run(AT + 30))
    assert spoilt


def test_a_bus_that_is_cut_stops_softly(bus):
    bus.plan[AT] = lambda: setattr(bus.bus, "fault", lambda servo, answer: b"")
    bus.run(AT + 30)
    assert bus.trips == ["servo"]
    assert bus.tripped_at() < AT + SOON


def test_an_imu_that_falls_silent_stops_softly(bus):
    bus.plan[AT] = lambda: setattr(bus.imu, "fault", lambda _: None)
    assert_stopped(bus.run(AT + 30), "missing")


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("place", range(JOINTS))
def test_wild_targets_reach_the_servos_clamped(description, tmp_path, place, sign):
    def wild(observation):
        targets = description.joints.home_target.astype(np.float32)
        targets[place] += sign * 100.0
        return targets, np.zeros(JOINTS, np.float32)

    rig = Rig(description, tmp_path / "log", policy=wild, bus=True).run(AT + 30)
    assert rig.written.targets
    assert rig.written.unsafe == []


@pytest.mark.parametrize("kind", ["rig", "bus"])
def test_without_a_fault_nothing_happens(request, kind):
    assert_tolerated(request.getfixturevalue(kind).run(AT + 30))


def test_the_judge_of_what_is_written_sees_what_is_unsafe(description):
    joints = description.joints
    for change in (np.nan, joints.upper[3] + 0.01 - joints.home_target[3], -5.0):
        judge, targets = Written(description), joints.home_target.copy()
        judge.take(targets)
        assert judge.unsafe == []
        targets[3] += change
        judge.take(targets)
        assert judge.unsafe
