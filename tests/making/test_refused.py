"""What must not get into the library: planted faults, each refused for a reason that fits."""

from dataclasses import replace

import numpy as np
import pytest

from wildrobot_cli.making.replaying import check_clip
from wildrobot_cli.motion.mirror import mirror
from wildrobot_cli.motion.rates import differences


@pytest.fixture(scope="module")
def failed(robot, recipe, limits):
    """The names of the checks that a clip fails."""

    def names(clip):
        return {c.name for c in check_clip(robot, recipe, limits, clip) if not c.passed}

    return names


def consistent(clip, **changes):
    """A clip with changed poses, its velocities those of the poses."""
    clip = replace(clip, **changes)
    poses = (clip.root_position, clip.root_quaternion, clip.joint_angles)
    return replace(clip, velocity=differences(*poses, clip.fps))


def test_a_good_walk_and_its_mirror_image_pass(robot, walk, failed):
    assert failed(walk) == set()
    assert failed(mirror(robot, walk)) == set()


def test_a_walk_sunk_by_10_mm_is_refused(walk, failed):
    sunk = replace(walk, root_position=walk.root_position - [0.0, 0.0, 0.01])
    assert "penetration [mm]" in failed(sunk)


def test_a_walk_lifted_by_10_mm_is_refused(walk, failed):
    lifted = replace(walk, root_position=walk.root_position + [0.0, 0.0, 0.05])
    assert failed(lifted)


@pytest.mark.parametrize("joint", ["left_knee_pitch", "right_hip_pitch", "left_ankle_pitch"])
def test_a_walk_with_a_frozen_joint_is_refused(walk, failed, joint):
    angles = np.array(walk.joint_angles)
    column = walk.joint_names.index(joint)
    angles[:, column] = angles[0, column]
    assert "left against right [deg RMS]" in failed(consistent(walk, joint_angles=angles))


def test_a_walk_with_its_legs_swapped_is_refused(walk, failed):
    swapped = np.array(walk.joint_angles)
    swapped[:, 1:6], swapped[:, 6:11] = walk.joint_angles[:, 6:11], walk.joint_angles[:, 1:6]
    found = failed(consistent(walk, joint_angles=swapped))
    assert found & {"stance slip, mean [m/s]", "deviation in physics [mm]"}


@pytest.mark.parametrize("label", [1.0, 2.0])
def test_a_walk_played_at_twice_the_speed_is_refused(walk, failed, label):
    fast = replace(walk, fps=2 * walk.fps, frequency=2 * walk.frequency)
    fast = consistent(fast, command=label * walk.command)
    assert "joint speed [of no-load]" in failed(fast)


def test_twice_the_speed_contradicts_its_label(walk, failed):
    fast = consistent(replace(walk, fps=2 * walk.fps, frequency=2 * walk.frequency))
    assert "labelled speed, error [%]" in failed(fast)


@pytest.mark.slow
def test_every_packaged_clip_passes_every_check(robot, recipe, limits):
    from wildrobot_cli.motion.checks import failures
    from wildrobot_cli.motion.library import load_clips, motion_dir

    clips = load_clips(robot, motion_dir())
    measured = {clip.name: check_clip(robot, recipe, limits, clip) for clip in clips}
    assert [failures(*item) for item in measured.items()] == [[]] * len(clips)
