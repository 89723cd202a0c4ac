from dataclasses import replace

import numpy as np
import pytest

from wildrobot_cli.motion.checks import (
    Check,
    Replay,
    Subject,
    bearing_by_height,
    bearing_by_load,
    failures,
    pose_checks,
    replay_checks,
)
from wildrobot_cli.motion.clip import positions
from wildrobot_cli.motion.kinematics import kinematics
from wildrobot_cli.motion.limits import load_limits

LIMITS = load_limits()


@pytest.fixture(scope="module")
def good(robot, library):
    """A packaged walk, with feet bearing by their height."""
    return subject_of(robot, library.clip("walk_020"))


def subject_of(robot, clip):
    space = kinematics(robot, positions(robot, clip))
    return Subject(robot, clip, space, bearing_by_height(space, LIMITS), LIMITS)


def measure(subject, name):
    (found,) = [check for check in pose_checks(subject) if check.name == name]
    return found


def planted(robot, good, **changes):
    return subject_of(robot, replace(good.clip, **changes))


def test_a_check_has_two_sides():
    assert Check("x", 1.0, 0.5, 1.5).passed
    assert not Check("x", 1.6, 0.5, 1.5).passed
    assert not Check("x", 0.4, 0.5, 1.5).passed
    assert Check("x", None, high=0.0).passed
    assert not Check("x", float("nan"), high=1.0).passed


def test_failures_name_clip_measure_limit_and_value():
    checks = [Check("tilt [deg]", 20.0, high=15.0), Check("fine", 0.0)]
    assert failures("a", checks) == ["a: tilt [deg]: expected at most 15, got 20"]
    assert failures("b", checks[1:]) == []


def test_penetration_is_the_depth_of_the_lowest_sole(robot, good):
    deeper = planted(robot, good, root_position=good.clip.root_position - [0, 0, 0.01])
    before = measure(good, "penetration [mm]").value
    found = measure(deeper, "penetration [mm]")
    assert found.value == pytest.approx(before + 10, abs=0.01)
    assert not found.passed


def test_clearance_drops_with_the_foot(robot, good):
    space = replace(good.space, lowest=np.minimum(good.space.lowest, 0.006))
    low = replace(good, space=space)
    assert measure(low, "mid-swing clearance [mm]").value == pytest.approx(6.0)
    assert not measure(low, "mid-swing clearance [mm]").passed
    assert measure(good, "mid-swing clearance [mm]").passed


def test_slip_is_the_speed_of_a_bearing_sole(robot, good):
    drift = np.arange(good.clip.frames)[:, None] / good.clip.fps * [0.1, 0.0, 0.0]
    sliding = planted(robot, good, root_position=good.clip.root_position + drift)
    assert measure(sliding, "stance slip, mean [m/s]").value == pytest.approx(0.1, abs=0.03)
    assert not measure(sliding, "stance slip, mean [m/s]").passed
    assert not measure(sliding, "stance slip, 95th % [m/s]").passed


def test_a_joint_at_its_limit_has_no_margin(robot, good):
    angles = np.array(good.clip.joint_angles)
    angles[3, 3] = robot.upper[3] - np.radians(1.0)
    found = measure(planted(robot, good, joint_angles=angles), "joint-limit margin [deg]")
    assert found.value == pytest.approx(1.0)
    assert not found.passed


def test_crossed_legs_are_seen(robot, good):
    angles = np.array(good.clip.joint_angles)
    angles[:, [2, 7]] = [-0.15, 0.15]
    crossed = planted(robot, good, joint_angles=angles)
    assert not measure(crossed, "gap between the legs [mm]").passed
    assert measure(good, "gap between the legs [mm]").value > 10


def test_a_jump_of_a_joint_is_too_fast(robot, good):
    angles = np.array(good.clip.joint_angles)
    angles[10, 3] += 0.2
    found = measure(planted(robot, good, joint_angles=angles), "joint speed [of no-load]")
    assert found.value >= 0.2 * good.clip.fps / robot.servo.no_load_speed - 0.8
    assert not found.passed


def test_a_loop_whose_ends_differ_has_a_seam(robot, good):
    angles, velocity = np.array(good.clip.joint_angles), np.array(good.clip.velocity)
    angles[-1, 1] += np.radians(2.0)
    velocity[-1, 8] += 0.5
    torn = planted(robot, good, joint_angles=angles, velocity=velocity)
    assert measure(torn, "loop seam [deg]").value == pytest.approx(2.0, abs=0.3)
    assert measure(torn, "loop seam [rad/s]").value == pytest.approx(0.5, abs=0.1)
    assert not measure(torn, "loop seam [deg]").passed
    assert not measure(torn, "loop seam [rad/s]").passed


def test_a_limp_is_asymmetric(robot, good):
    angles = np.array(good.clip.joint_angles)
    angles[:, 3] += np.radians(3.0)
    found = measure(planted(robot, good, joint_angles=angles), "left against right [deg RMS]")
    assert found.value == pytest.approx(3.0, abs=0.3)
    assert not found.passed


def test_a_wrong_label_is_seen(robot, good):
    command = good.clip.command * [1.1, 1.0, 1.0]
    found = measure(planted(robot, good, command=command), "labelled speed, error [%]")
    assert found.value == pytest.approx(100 * 0.1 / 1.1, abs=1.5)
    assert not found.passed


def test_a_duty_factor_is_the_share_of_bearing_frames(good):
    bearing = np.ones_like(good.bearing)
    bearing[: len(bearing) // 2, 0] = False
    limping = replace(good, bearing=bearing)
    assert measure(limping, "duty factor, left").value == pytest.approx(0.5, abs=0.02)
    assert not measure(limping, "duty factor, left").passed
    assert measure(limping, "duty factor, right").value == 1.0


def replay_of(robot, **changes):
    """A perfect replay of standing still: twenty frames."""
    still = {
        "load": np.full((20, 2), robot.weight / 2),
        "torque": np.zeros((20, 11)),
        "speed": np.zeros((20, 11)),
        "tilt": np.zeros(20),
        "deviation": np.zeros(20),
        "finished": True,
    }
    return Replay(**(still | changes))


def test_a_perfect_replay_passes(robot):
    assert all(check.passed for check in replay_checks(robot, replay_of(robot), LIMITS))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        (
            "torque [of what is left]",
            {"torque": np.full((20, 11), 2.5), "speed": np.full((20, 11), 3)},
        ),
        ("floor force [weights]", {"load": np.full((20, 2), 10.0)}),
        ("tilt [deg]", {"tilt": np.full(20, 0.3)}),
        ("deviation in physics [mm]", {"deviation": np.full(20, 0.05)}),
        ("deviation in physics [mm]", {"finished": False}),
    ],
)
def test_each_fault_of_a_replay_fails_its_check(robot, name, changes):
    failed = [
        check.name
        for check in replay_checks(robot, replay_of(robot, **changes), LIMITS)
        if not check.passed
    ]
    assert name in failed


def test_a_servo_that_brakes_has_its_back_emf_on_its_side(robot):
    torque, speed = np.full((20, 11), 3.0), np.full((20, 11), -3.0)
    checks = replay_checks(robot, replay_of(robot, torque=torque, speed=speed), LIMITS)
    assert checks[0].value == pytest.approx(3.0 / (4.0 + 0.69 * 3.0))


def test_single_frames_of_contact_and_of_none_are_noise(robot):
    load = np.full((9, 2), robot.weight)
    load[4, 0] = 0.0
    load[:, 1] = 0.0
    load[4, 1] = robot.weight
    bearing = bearing_by_load(robot, load, LIMITS)
    assert bearing[:, 0].all()
    assert not bearing[:, 1].any()


def test_without_physics_the_lower_foot_bears(robot, good):
    space = replace(good.space, lowest=good.space.lowest + 0.1)
    bearing = bearing_by_height(space, LIMITS)
    assert bearing.any(axis=1).all()
    assert not bearing.all()
