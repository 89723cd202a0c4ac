from dataclasses import replace

import numpy as np
import pytest

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.motion.clip import make_clip, positions, speeds


def test_velocities_are_those_of_the_poses(swaying):
    middle = swaying.velocity[25]
    assert np.hypot(*middle[:2]) == pytest.approx(0.3, abs=1e-5)
    assert middle[5] == pytest.approx(0.4, abs=1e-9)
    expected = 0.2 * 2 * np.pi * np.cos(2 * np.pi * 0.5)
    assert middle[6 + 3] == pytest.approx(expected, rel=0.01)


def test_the_label_is_measured_where_none_is_given(swaying):
    np.testing.assert_allclose(swaying.command, np.tile([0.3, 0.0, 0.4], (51, 1)), atol=1e-5)


def test_joints_are_matched_by_name_whatever_their_order(robot, swaying):
    order = np.random.default_rng(0).permutation(len(robot.joint_names))
    shuffled = replace(
        swaying,
        joint_names=tuple(swaying.joint_names[i] for i in order),
        joint_angles=swaying.joint_angles[:, order],
        velocity=np.concatenate([swaying.velocity[:, :6], swaying.velocity[:, 6:][:, order]], -1),
    )
    np.testing.assert_array_equal(positions(robot, shuffled), positions(robot, swaying))
    np.testing.assert_array_equal(speeds(robot, shuffled), speeds(robot, swaying))


def test_missing_joints_are_listed(robot, swaying):
    renamed = tuple(name.replace("knee", "kne") for name in swaying.joint_names)
    with pytest.raises(
        ConfigError, match="no joint left_knee_pitch, right_knee_pitch of the robot"
    ):
        positions(robot, replace(swaying, joint_names=renamed))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fps": 0.0}, "swaying: fps: expected a number above 0, got 0.0"),
        ({"frequency": np.nan}, "swaying: frequency: expected a number of 0 or more, got nan"),
        ({"frequency": -1.0}, "swaying: frequency: expected a number of 0 or more, got -1.0"),
        ({"joint_names": ("waist_yaw",) * 11}, "joint_names: 'waist_yaw' stands twice"),
        ({"joint_angles": np.zeros((51, 3))}, "joint_angles: expected shape"),
        (
            {"root_quaternion": np.full((51, 4), 0.6)},
            "expected w x y z of length 1, got length 1.2",
        ),
    ],
)
def test_what_does_not_fit_is_named(swaying, change, message):
    with pytest.raises(ConfigError, match=message.replace("(", r"\(")):
        replace(swaying, **change)


@pytest.mark.parametrize("name", ["root_position", "root_quaternion", "joint_angles"])
def test_a_value_that_is_not_finite_is_named_with_its_frame(robot, swaying, name):
    broken = {key: np.array(getattr(swaying, key)) for key in POSES}
    broken[name][7, 1] = np.nan
    with pytest.raises(ConfigError, match=f"bad: {name}: frame 7: expected finite numbers"):
        make_clip("bad", 50.0, robot.joint_names, **broken, source="", licence="")


def test_two_frames_are_no_motion(robot, swaying):
    two = {key: getattr(swaying, key)[:2] for key in POSES}
    with pytest.raises(ConfigError, match="expected 10 frames or more, got 2"):
        make_clip("short", 50.0, robot.joint_names, **two, source="", licence="")


def test_arrays_cannot_be_changed(swaying):
    with pytest.raises(ValueError, match="read-only"):
        swaying.joint_angles[0, 0] = 1.0


POSES = ("root_position", "root_quaternion", "joint_angles")
