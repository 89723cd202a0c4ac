"""Left and right are told by the legs that joints move; names matter for the other joints alone."""

from dataclasses import replace

import pytest

from wildrobot_cli import load_robot
from wildrobot_cli.robot.sides import common_name, partners, sides


@pytest.fixture(scope="module")
def robot():
    return load_robot("wildrobot")


def renamed(robot, **names):
    """The robot with some joints called otherwise, in its model, too."""

    def rename(spec):
        for old, new in names.items():
            spec.joint(old).name = new
            spec.actuator(old).target = new

    called = tuple(names.get(name, name) for name in robot.joint_names)
    return replace(robot.variant(rename), joint_names=called)


def test_legs_are_left_and_right_and_the_waist_is_neither(robot):
    assert sides(robot) == (None, *[0] * 5, *[1] * 5)
    assert partners(robot) == (0, 6, 7, 8, 9, 10, 1, 2, 3, 4, 5)


def test_a_joint_shares_the_words_that_its_partner_has_too(robot):
    assert common_name(robot, robot.joint_names.index("right_knee_pitch")) == "knee_pitch"
    assert common_name(robot, robot.joint_names.index("waist_yaw")) == "waist_yaw"
    odd = renamed(robot, left_knee_pitch="KneeL", right_knee_pitch="KneeR")
    knee = odd.joint_names.index("KneeL")
    assert partners(odd)[knee] == odd.joint_names.index("KneeR")
    assert common_name(odd, knee) == "KneeL"


def test_what_moves_no_leg_is_told_by_its_name(robot):
    assert sides(renamed(robot, waist_yaw="left_arm"))[0] == 0
    assert partners(renamed(robot, waist_yaw="left_arm"))[0] is None


def test_legs_of_different_joints_have_no_partners(robot):
    fewer = replace(robot, joint_names=robot.joint_names[:-1])
    assert partners(fewer) == (0, *[None] * 9)
