"""Episodes start inside clips as if they had always been there; style is read from what happens."""

from copy import copy
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_cli import EnvConfig, WildRobotEnv
from wildrobot_cli.env.ground import Ground
from wildrobot_cli.env.imitation import ImitationEnv, training_env
from wildrobot_cli.errors import ConfigError
from wildrobot_cli.runtime.observing.clock import Clock, frequency_at

ENVS, STEPS = 64, 12


@pytest.fixture(scope="module")
def config():
    overrides = ("env.engine=mujoco", "env.resets.velocity_noise=0.05")
    return EnvConfig.from_file("ppo_amp.yaml", overrides)


@pytest.fixture(scope="module")
def env(config):
    return training_env(config)


@pytest.fixture(scope="module")
def start(env):
    return jax.jit(jax.vmap(env.reset))(jax.random.split(jax.random.PRNGKey(0), ENVS))


@pytest.fixture(scope="module")
def played(env, start):
    """States from the start on, with actions that sway. Leaves (STEPS + 1, ENVS, ...)."""
    step = jax.jit(jax.vmap(env.step))
    states = [start]
    for _ in range(STEPS):
        states.append(step(states[-1], 0.9 * states[-1].pipeline_state.action))
    return jax.tree.map(lambda *leaves: np.stack(leaves), *states)


@pytest.fixture(scope="module")
def in_clip(env, start):
    """Which episodes start inside a clip, and at which frame. Shapes (ENVS,)."""
    frames, physics = env.reference.library.frames, start.pipeline_state.physics
    rows = np.concatenate([frames.qpos[:, 2:], frames.qvel], axis=1)
    ours = np.concatenate([physics.qpos[:, 2:], physics.qvel], axis=1)
    gap = np.abs(rows[None] - ours[:, None]).max(axis=-1)
    return gap.min(axis=1) < 1e-5, gap.argmin(axis=1)


def test_most_episodes_start_inside_a_clip(in_clip, config):
    share = in_clip[0].mean()
    assert abs(share - config.reference.resets) < 0.2
    assert 0 < share < 1


def test_what_decides_how_to_start_decides_nothing_else(env, start, in_clip):
    """With a key that the reset has used, robots that start standing would all start forward."""
    more = jax.jit(jax.vmap(env.reset))(jax.random.split(jax.random.PRNGKey(1), 8 * ENVS))
    episodes = more.pipeline_state
    standing = np.asarray(episodes.physics.qvel)[np.asarray(episodes.action == 0).all(axis=1)]
    noise = env.config.resets.velocity_noise
    mean_spread = noise / np.sqrt(3 * len(standing))
    assert len(standing) > ENVS
    assert (np.abs(standing.mean(axis=0)) < 5 * mean_spread).all()


def test_command_and_phase_are_the_clips(env, start, in_clip):
    inside, rows = in_clip
    frames = jax.tree.map(lambda leaf: np.asarray(leaf)[rows][inside], env.reference.library.frames)
    episode = jax.tree.map(lambda leaf: np.asarray(leaf)[inside], start.pipeline_state)
    np.testing.assert_allclose(episode.command, frames.command, atol=1e-6)
    np.testing.assert_allclose(episode.schedule[:, 0], frames.command, atol=1e-6)
    apart = (episode.phase - frames.phase + np.pi) % (2 * np.pi) - np.pi
    np.testing.assert_allclose(apart, 0.0, atol=1e-5)
    np.testing.assert_allclose(episode.physics.qvel, frames.qvel, atol=1e-5)


def test_labels_are_the_speeds_that_the_clips_walk_at(env):
    """A clip whose label lies teaches to disobey."""
    for clip in env.reference.library.clips:
        if clip.loop and clip.frequency > 0:
            way = clip.root_position[-1, :2] - clip.root_position[0, :2]
            speed, label = np.linalg.norm(way) / clip.seconds, clip.command[:, :2].mean(axis=0)
            assert speed == pytest.approx(np.linalg.norm(label), rel=0.05)


def test_history_at_the_start_is_the_references(env, start, in_clip):
    """Else a discriminator would learn to detect resets."""
    demonstrations = env.reference.demonstrations().features
    shown = np.asarray(start.info["style"])[in_clip[0]]
    gap = np.abs(shown[:, None] - demonstrations[None]).max(axis=-1).min(axis=1)
    assert gap.max() < 1e-4


def test_style_is_that_of_the_last_frames(env, played):
    qpos = np.asarray(played.pipeline_state.physics.qpos, float).swapaxes(0, 1)
    window = env.reference.window
    first = np.arange(STEPS + 1 - window + 1)
    expected = np.stack([env.reference.style.windows(q, first, window) for q in qpos])
    shown = np.asarray(played.info["style"])[window - 1 :].swapaxes(0, 1)
    np.testing.assert_allclose(shown, expected, atol=1e-4)


def test_style_does_not_tell_how_high_the_ground_is(env, start, monkeypatch):
    """Else a discriminator would learn altitude."""
    level = jax.tree.map(lambda leaf: leaf[0], start.pipeline_state)
    none = jnp.zeros(0)
    ground = Ground(jnp.array([0.1, 0.0]), jnp.zeros((0, 2)), none, none)
    far = level.physics.qpos.at[jnp.array([0, 2])].add(jnp.array([5.0, 0.5]))
    raised = level.replace(physics=level.physics.replace(qpos=far), ground=ground)
    monkeypatch.setattr(WildRobotEnv, "act", lambda _env, episode, _action: episode)
    features = [
        env.reference.style.features(env.act(episode, None).history[-1:], np)
        for episode in (level, raised)
    ]
    np.testing.assert_allclose(features[1], features[0], atol=0.02)  # the slope below the soles


def test_demonstrations_are_drawn_at_all_speeds_alike(env):
    sampler = env.reference.library.sampler(env.reference.window)
    probability = env.reference.demonstrations().probability
    middle = np.asarray(sampler.starts) + env.reference.window // 2
    speed = np.round(np.asarray(env.reference.library.frames.command)[middle, 0] / 0.05)
    shares = [probability[speed == s].sum() for s in np.unique(speed)]
    np.testing.assert_allclose(shares, 1 / len(shares), rtol=1e-3)


def test_held_out_clips_are_kept_from_training(env):
    library = env.reference.library
    held_out = {clip.name for clip in library.clips if clip.held_out}
    assert held_out
    seen = env.reference.demonstrations().features
    kept = env.reference.demonstrations(held_out=True).features
    assert len(kept) > 50
    assert np.abs(seen[:, None, -20:] - kept[None, ::40, -20:]).max(axis=-1).min() > 0


def test_a_library_without_clips_held_out_has_no_rows_of_them(env):
    reference = copy(env.reference)
    clips = tuple(replace(clip, held_out=False) for clip in reference.library.clips)
    reference.library = replace(reference.library, clips=clips)
    held_out = reference.held_out()
    assert held_out.shape == (0, reference.demonstrations().features.shape[1])


def test_clock_runs_as_the_clips_do(env):
    for clip in env.reference.library.clips:
        if clip.name == "walk_020":
            command = jnp.asarray(clip.command[0])
            found = float(frequency_at(env.clock, command, jnp))
            assert found == pytest.approx(clip.frequency, rel=1e-3)
            return
    raise AssertionError("no clip to compare with")


def test_clock_is_interpolated_and_stands_still_for_standing():
    clock = Clock((0.1, 0.3), (1.0, 2.0))
    ask = {0.2: 1.5, 0.05: 1.0, 0.5: 2.0, 0.0: 0.0}
    for speed, expected in ask.items():
        command = np.array([speed, 0.0, 0.0])
        assert frequency_at(clock, command, np) == pytest.approx(expected)
    assert frequency_at(clock, np.array([0.0, 0.0, 0.3]), np) == pytest.approx(1.0)


def test_evaluation_stands_at_the_start_and_follows_the_same_clock(config, env):
    stage = WildRobotEnv(config)
    assert not isinstance(stage, ImitationEnv)
    assert stage.clock == env.clock
    state = jax.jit(stage.reset)(jax.random.PRNGKey(0))
    assert float(state.pipeline_state.physics.qpos[2]) == pytest.approx(stage.robot.home_qpos[2])


def test_library_at_another_rate_is_refused(config):
    other = config.model_copy(update={"control_period": 0.01})
    with pytest.raises(ConfigError, match="50 frames a second; expected 100"):
        ImitationEnv(other)


def test_style_without_reference_is_refused():
    from wildrobot_cli import Config

    with pytest.raises(ConfigError, match="needs reference motion"):
        Config.from_file("ppo_amp.yaml", ("env.reference=null",))
