"""Faults of the servo bus, planted one at a time in its bytes."""

import numpy as np
import pytest
from planted import AT, JOINTS, SOON, assert_stopped, assert_tolerated, hasty
from rigs import Rig

from wildrobot_cli.runtime.robots import servo_protocol as protocol


@pytest.fixture
def description(bundle):
    return hasty(bundle)


@pytest.fixture
def bus(description, tmp_path):
    return Rig(description, tmp_path / "log", bus=True)


def test_without_a_fault_nothing_happens(bus):
    assert_tolerated(bus.run(AT + 30))


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


def test_a_guardian_that_is_gone_stops_softly(bus):
    bus.plan[AT] = lambda: setattr(bus.bus, "guarded", False)
    assert_stopped(bus.run(AT + 30), "alarm")


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
