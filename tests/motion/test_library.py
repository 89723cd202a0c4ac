from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.motion.frames import frames_at
from wildrobot_cli.motion.library import load_library, make_library


@pytest.fixture(scope="module")
def three(robot, swaying):
    """Three clips: two of one speed, a loop and none, and one faster that is kept from training."""
    slow = replace(swaying, name="slow", command=np.tile([0.1, 0, 0], (51, 1)))
    once = replace(slow, name="once", loop=False)
    fast = replace(swaying, name="fast", command=np.tile([0.4, 0, 0], (51, 1)), held_out=True)
    return make_library(robot, (slow, once, fast))


def test_windows_are_consecutive_frames_of_one_clip(three):
    windows = three.sampler(10).draw(jax.random.PRNGKey(0), 500)
    assert windows.qpos.shape == (500, 10, 18)
    assert windows.qvel.shape == (500, 10, 17)
    steps = np.linalg.norm(np.diff(np.asarray(windows.qpos[..., :2]), axis=1), axis=-1)
    turned = np.diff(np.unwrap(np.asarray(windows.phase), axis=1), axis=1)
    np.testing.assert_allclose(turned, 2 * np.pi / 50, atol=1e-4)
    np.testing.assert_allclose(steps, 0.3 / 50, rtol=1e-2)


def test_a_loop_has_a_window_for_each_frame_of_a_lap(three):
    starts = np.asarray(three.sampler(10).starts)
    in_loop = starts[starts < three.offsets[1]]
    np.testing.assert_array_equal(in_loop, np.arange(50))


def test_windows_of_a_clip_that_ends_stay_inside(three):
    starts = np.asarray(three.sampler(10).starts)
    in_once = starts[(starts >= three.offsets[1]) & (starts < three.offsets[2])]
    np.testing.assert_array_equal(in_once, three.offsets[1] + np.arange(42))


def test_held_out_clips_are_drawn_apart(three):
    training = three.sampler(10).draw(jax.random.PRNGKey(0), 100)
    held_out = three.sampler(10, held_out=True).draw(jax.random.PRNGKey(0), 100)
    assert float(training.command[..., 0].max()) == pytest.approx(0.1)
    assert float(held_out.command[..., 0].min()) == pytest.approx(0.4)


def test_all_speeds_are_drawn_equally_often(robot, swaying):
    slow = replace(swaying, name="slow", command=np.tile([0.1, 0, 0], (51, 1)))
    fast = replace(swaying, name="fast", command=np.tile([0.4, 0, 0], (51, 1)))
    library = make_library(robot, (slow, replace(slow, name="again"), slow, fast))
    drawn = library.windows(jax.random.PRNGKey(1), 4000, 10).command[:, 0, 0]
    assert float((drawn > 0.2).mean()) == pytest.approx(0.5, abs=0.03)


def test_drawing_is_a_pure_function_of_its_key(three):
    sampler = three.sampler(5)
    draw = jax.jit(lambda s, key: s.draw(key, 16))
    one, same = draw(sampler, jax.random.PRNGKey(3)), sampler.draw(jax.random.PRNGKey(3), 16)
    np.testing.assert_array_equal(one.qpos, same.qpos)
    other = draw(sampler, jax.random.PRNGKey(4))
    assert not jnp.array_equal(one.qpos, other.qpos)


def test_windows_longer_than_every_clip_are_refused(three):
    with pytest.raises(ConfigError, match="no windows of 500 frames"):
        three.sampler(500)


def test_clips_of_different_rates_do_not_go_together(robot, swaying):
    with pytest.raises(ConfigError, match="fast: fps: expected 50 as in swaying, got 60"):
        make_library(robot, (swaying, replace(swaying, name="fast", fps=60.0)))


def test_an_empty_folder_is_no_library(robot, tmp_path):
    with pytest.raises(ConfigError, match="no clips"):
        load_library(robot, tmp_path)


def test_an_unknown_clip_gets_the_nearest_name(three):
    with pytest.raises(ConfigError, match="no clip 'slo'; did you mean 'slow'"):
        three.clip("slo")


def test_the_packaged_library_covers_what_it_promises(library):
    loops = [clip for clip in library.clips if clip.loop and clip.command[0, 2] == 0]
    speeds = {round(float(clip.command[0, 0]), 3) for clip in loops}
    assert len(speeds) >= 7
    assert min(speeds) <= 0.105
    assert max(speeds) >= 0.395
    assert library.seconds >= 60
    assert any(clip.held_out for clip in library.clips)
    assert library.clip("stand").frequency == 0


def test_packaged_frames_hold_together(library):
    for clip in library.clips:
        between = frames_at(clip, np.arange(clip.frames - 1) / clip.fps + 0.5 / clip.fps)
        predicted = clip.joint_angles[:-1] + clip.velocity[:-1, 6:] * 0.5 / clip.fps
        assert np.abs(between.joint_angles - predicted).max() < 0.05


def test_every_packaged_clip_says_where_it_comes_from(library):
    for clip in library.clips:
        assert "Fukuchi" in clip.source
        assert clip.licence == "CC-BY-4.0"


def test_a_robot_with_other_joints_is_told_that_the_packaged_clips_are_not_its_own(robot):
    other = replace(robot, name="other", joint_names=("a", *robot.joint_names[1:]))
    with pytest.raises(ConfigError, match=r"^robot 'other': the packaged clips are of a robot wit"):
        load_library(other)
