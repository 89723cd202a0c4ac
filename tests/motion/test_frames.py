from dataclasses import replace

import numpy as np
import pytest

from wildrobot_cli.motion.frames import frames_at
from wildrobot_cli.runtime.observing.rotations import yaw


def test_at_the_frames_times_are_the_frames(swaying):
    once = replace(swaying, loop=False)
    found = frames_at(once, np.arange(51) / 50)
    np.testing.assert_allclose(found.root_position, once.root_position, atol=1e-12)
    np.testing.assert_allclose(found.root_quaternion, once.root_quaternion, atol=1e-12)
    np.testing.assert_allclose(found.joint_angles, once.joint_angles, atol=1e-12)


def test_between_frames_is_half_way(swaying):
    found = frames_at(swaying, np.array([0.01]))
    assert found.root_position[0, 0] == pytest.approx(0.003, rel=1e-4)
    assert yaw(found.root_quaternion[0], np) == pytest.approx(0.004)


def test_beyond_its_ends_a_clip_stands_still(swaying):
    found = frames_at(replace(swaying, loop=False), np.array([-1.0, 5.0]))
    np.testing.assert_allclose(found.root_position, swaying.root_position[[0, -1]], atol=1e-12)


def test_a_loop_goes_on_along_its_way_and_turn(swaying):
    found = frames_at(swaying, np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(yaw(found.root_quaternion, np), [0.4, 0.8, 1.2], atol=1e-9)
    steps = np.linalg.norm(np.diff(found.root_position, axis=0), axis=-1)
    np.testing.assert_allclose(steps, 2 * 0.75 * np.sin(0.2), atol=1e-9)
    np.testing.assert_allclose(found.phase, 2 * np.pi * np.arange(1, 4))


def test_a_loop_has_no_step_at_its_seam(swaying):
    found = frames_at(swaying, np.arange(0.0, 3.0, 0.01))
    moved = np.linalg.norm(np.diff(found.root_position, axis=0), axis=-1)
    np.testing.assert_allclose(moved, 0.003, rtol=1e-3)
    assert np.abs(np.diff(found.velocity[:, :2], axis=0)).max() < 0.003
