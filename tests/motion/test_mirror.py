import numpy as np
import pytest

from wildrobot_cli import load_robot
from wildrobot_cli.config.resources import asset_dir
from wildrobot_cli.errors import ConfigError
from wildrobot_cli.motion.clip import positions
from wildrobot_cli.motion.kinematics import kinematics
from wildrobot_cli.motion.mirror import mirror, mirror_joints


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


def test_how_a_body_is_turned_in_its_parent_changes_nothing(robot):
    """CAD programs turn bodies as they like: here a roll joint's axis is y of its own body."""

    def turn(spec):
        for side in ("left", "right"):
            forward, leftward, up = spec.site(f"{side}_sole").pos
            spec.body(f"{side}_foot").quat = [np.sqrt(0.5), 0, 0, np.sqrt(0.5)]
            spec.joint(f"{side}_foot_roll").axis = [0, -1, 0]
            spec.site(f"{side}_sole").pos = [leftward, -forward, up]

    for ours, theirs in zip(mirror_joints(robot.variant(turn)), mirror_joints(robot), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_an_axis_the_other_way_round_changes_the_sign_of_the_pair(robot):
    def flip(spec):
        spec.joint("right_knee_pitch").axis = [0, -1, 0]

    knees = [robot.joint_names.index(f"{side}_knee_pitch") for side in ("left", "right")]
    before, after = mirror_joints(robot)[1], mirror_joints(robot.variant(flip))[1]
    np.testing.assert_array_equal(np.flatnonzero(before != after), knees)


@pytest.mark.parametrize("left, right", [("l_", "r_"), ("port_", "starboard_")])
def test_legs_tell_which_joints_are_partners_whatever_they_are_called(tmp_path, left, right):
    for name in ("wildrobot.xml", "wildrobot.yaml"):
        text = (asset_dir() / name).read_text()
        (tmp_path / name).write_text(text.replace("left_", left).replace("right_", right))
    named = mirror_joints(load_robot(tmp_path / "wildrobot.yaml"))
    for ours, theirs in zip(named, mirror_joints(load_robot("wildrobot")), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_legs_of_two_lengths_are_refused(robot):
    def shorten(spec):
        spec.body("left_lower_leg").pos = [0, 0, -0.187]

    with pytest.raises(ConfigError, match=r"soles 5 mm away"):
        mirror_joints(robot.variant(shorten))
