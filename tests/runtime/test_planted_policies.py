"""Whatever a policy, a command or the program between them asks for, nothing unsafe is written."""

import itertools

import numpy as np
import pytest
from planted import AT, JOINTS, assert_stopped, assert_tolerated, hasty
from rigs import Rig, stand


@pytest.fixture
def description(bundle):
    return hasty(bundle)


@pytest.fixture
def rig(description, tmp_path):
    return Rig(description, tmp_path / "log")


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


def test_a_policy_that_fails_stops_softly(description, tmp_path):
    rig = Rig(description, tmp_path / "log", policy=lambda o: answer(o))
    answer = stand(description)

    def broken(observation):
        raise RuntimeError("out of range")

    def plant():
        nonlocal answer
        answer = broken

    rig.plan[AT] = plant
    assert_stopped(rig.run(AT + 30), "policy")
    assert "the policy fails: RuntimeError: out of range" in rig.supervisor.trip.detail


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


LIES = {
    "no number": lambda targets, joints: targets + np.nan,
    "endless": lambda targets, joints: targets + np.inf,
    "out of range": lambda targets, joints: np.where(targets > -9, joints.upper + 0.01, 0),
    "too fast": lambda targets, joints: np.where(np.arange(JOINTS) == 3, 1.7, targets),
}


@pytest.mark.parametrize("at", [1, AT])
@pytest.mark.parametrize("lie", LIES)
def test_whatever_decides_nothing_unsafe_is_written(rig, lie, at):
    """The last check before the servos does not rely on the supervisor or its limits."""
    honest = rig.supervisor.step

    def lying(*args):
        order = honest(*args)
        if rig.steps < at - 1 or order.targets is None:
            return order
        return order._replace(targets=LIES[lie](order.targets, rig.description.joints))

    rig.supervisor.step = lying
    rig.run(AT + 30)
    assert rig.trips == ["emergency"]
    assert len(rig.written.targets) == at - 1
    assert rig.written.unsafe == []
    assert not rig.written.torque
    (event,) = (e for e in rig.supervisor.events if e.cause == "emergency")
    assert event.detail.startswith("not written: joint '")


def test_each_clamp_is_logged_once(description, tmp_path):
    def wild(observation):
        targets = description.joints.home_target.astype(np.float32)
        targets[[2, 5]] += 100.0
        return targets, np.zeros(JOINTS, np.float32)

    rig = Rig(description, tmp_path / "log", policy=wild)
    rig.plan[AT] = lambda: setattr(rig.loop, "command", np.array([9.0, 0.0, np.nan]))
    rig.run(AT + 30)
    said = [e.detail for e in rig.supervisor.events if e.cause in ("clamp", "command")]
    assert len(said) == len(set(said))
    assert "a target of joint 'left_hip_roll' is held within its reach" in said
    assert "a target of joint 'left_foot_roll' is held within its range" in said
    assert any(detail.startswith("forward 9 is held within") for detail in said)
    assert any(detail.startswith("turn nan is held within") for detail in said)


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
