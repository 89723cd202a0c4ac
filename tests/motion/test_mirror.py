import numpy as np
import pytest

from wildrobot_cli.motion.clip import positions
from wildrobot_cli.motion.kinematics import kinematics
from wildrobot_cli.motion.mirror import mirror


def test_twice_is_the_clip_again(robot, swaying):
    twice = mirror(robot, mirror(robot, swaying))
    for name in ("root_position", "root_quaternion", "joint_angles", "velocity", "command"):
        np.testing.assert_allclose(getattr(twice, name), getattr(swaying, name), atol=1e-12)
    np.testing.assert_allclose(twice.phase, swaying.phase + 2 * np.pi)


def test_the_left_foot_goes_where_the_right_one_went(robot, swaying):
    straight = kinematics(robot, positions(robot, swaying))
    mirrored = kinematics(robot, positions(robot, mirror(robot, swaying)))
    flipped = straight.soles[:, ::-1] * np.array([1.0, -1.0, 1.0])
    np.testing.assert_allclose(mirrored.soles, flipped, atol=1e-9)
    np.testing.assert_allclose(mirrored.gap, straight.gap, atol=1e-9)


def test_a_left_turn_becomes_a_right_turn(robot, swaying):
    assert mirror(robot, swaying).command[0, 2] == pytest.approx(-0.4)
    np.testing.assert_allclose(
        mirror(robot, swaying).velocity[:, 5], -swaying.velocity[:, 5], atol=1e-12
    )


def test_the_robot_is_its_own_mirror_image(robot):
    model = robot.model
    for name in ("hip_bracket", "upper_leg", "lower_leg", "ankle", "foot"):
        left, right = model.body(f"left_{name}"), model.body(f"right_{name}")
        assert left.mass == right.mass
        np.testing.assert_array_equal(left.inertia, right.inertia)
        np.testing.assert_array_equal(left.ipos * [1, -1, 1], right.ipos)
