"""The environment on MuJoCo: Brax's interface, determinism, symmetries, starts and falls."""

import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brax import envs
from puppet import put, read, sizes, tilt, turn

from wildrobot_cli import WildRobotEnv

BATCH = 64
IDLE = jnp.zeros(11)


@pytest.fixture(scope="module")
def batch(env):
    """Compiled for `BATCH` environments: reset, step."""
    return jax.jit(jax.vmap(env.reset)), jax.jit(jax.vmap(env.step))


@pytest.fixture(scope="module")
def keys():
    return jax.random.split(jax.random.PRNGKey(1), BATCH)


@pytest.fixture(scope="module")
def starts(batch, keys):
    return batch[0](keys)


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def assert_finite(tree):
    for leaf in jax.tree.leaves(tree):
        assert np.isfinite(leaf).all()


def row(tree, index):
    return jax.tree.map(lambda leaf: leaf[index], tree)


# --- the interface


def test_is_a_complete_brax_environment(env, config, reset, step):
    assert isinstance(env, envs.Env)
    assert env.unwrapped is env
    assert (env.backend, env.action_size) == ("mujoco", 11)
    assert env.dt == config.env.control_period
    assert env.observation_size["state"] == (sum(sizes(env).values()),)
    assert env.observation_size["privileged_state"] > env.observation_size["state"]
    state = step(reset(jax.random.PRNGKey(0)), jnp.zeros(env.action_size))
    assert isinstance(state, envs.State)
    assert {key: value.shape for key, value in state.obs.items()} == env.observation_size
    assert (state.reward.shape, state.done.shape) == ((), ())


@pytest.mark.parametrize(("x64", "dtype"), [(False, "float32"), (True, "float64")])
def test_step_keeps_every_shape_and_type(config, x64, dtype):
    with jax.enable_x64(x64):
        env = WildRobotEnv(config.env)
        start = jax.eval_shape(env.reset, jax.random.PRNGKey(0))
        after = jax.eval_shape(env.step, start, jnp.zeros(env.action_size))
    assert after == start
    leaves = jax.tree.leaves(after)
    assert {str(leaf.dtype) for leaf in leaves} == {dtype, "bool", "uint32"}
    assert not any(leaf.weak_type for leaf in leaves)


def test_metrics_have_one_entry_for_each_reward_term(env, config, reset):
    names = {f"reward/{name}" for name in config.env.rewards}
    assert set(reset(jax.random.PRNGKey(0)).metrics) == {*names, "velocity_error", "fall"}


def test_runs_under_braxs_own_training_wrapper(env):
    wrapped = envs.training.wrap(env, episode_length=2)
    step = jax.jit(wrapped.step)
    first = state = jax.jit(wrapped.reset)(jax.random.split(jax.random.PRNGKey(0), 2))
    state = step(state, jnp.zeros((2, 11)))
    np.testing.assert_array_equal(state.done, 0)
    state = step(state, jnp.zeros((2, 11)))
    np.testing.assert_array_equal(state.done, 1)
    np.testing.assert_array_equal(state.info["truncation"], 1)
    assert_same(state.obs, first.obs)


def test_nothing_is_compiled_after_the_first_step(env, caplog):
    reset, step = jax.jit(env.reset), jax.jit(env.step)
    key, other = jax.random.split(jax.random.PRNGKey(0))
    state = step(reset(key), IDLE)
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        state = step(step(state, IDLE), state.pipeline_state.action)
        step(reset(other), IDLE)
    assert [r.getMessage() for r in caplog.records if "ompiling" in r.getMessage()] == []


def test_no_tracer_leaks(env):
    with jax.checking_leaks():
        state = jax.eval_shape(jax.vmap(env.reset), jax.random.split(jax.random.PRNGKey(0), 2))
        jax.eval_shape(jax.vmap(env.step), state, jnp.zeros((2, 11)))


# --- determinism


def test_same_key_same_episode(reset, step):
    key, other = jax.random.split(jax.random.PRNGKey(4))
    state, again = reset(key), reset(key)
    assert_same(state, again)
    for scale in (0.1, -0.5):
        state, again = step(state, scale + IDLE), step(again, scale + IDLE)
    assert_same(state, again)
    assert not np.array_equal(state.obs["state"], step(reset(other), IDLE).obs["state"])


def test_batch_equals_its_members_alone(reset, step, batch, keys, starts):
    actions = jax.random.uniform(jax.random.PRNGKey(2), (BATCH, 11), minval=-1.0)
    after = batch[1](starts, actions)
    for index in (0, 7, BATCH - 1):
        alone = step(reset(keys[index]), actions[index])
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5),
            row((after.obs, after.reward, after.pipeline_state.physics.qpos), index),
            (alone.obs, alone.reward, alone.pipeline_state.physics.qpos),
        )


def test_sensor_noise_is_as_configured_and_new_at_each_step(env, batch, starts, config):
    state = jax.tree.map(lambda leaf: jnp.repeat(leaf[:1], BATCH, axis=0), starts)
    state.info["rng"] = starts.info["rng"]
    noisy, noisier = (batch[1](state, jnp.zeros((BATCH, 11))) for _ in range(2))
    assert_same(noisy.obs, noisier.obs)
    spread = {name: read(env, noisy.obs, name).std(axis=0).mean() for name in sizes(env)}
    assert spread.pop("gyro") == pytest.approx(config.env.sensors.gyro_noise, rel=0.25)
    assert spread.pop("up_vector") == pytest.approx(config.env.sensors.tilt_noise, rel=0.25)
    assert all(value < 1e-6 for value in spread.values())
    assert (noisy.info["rng"] != state.info["rng"]).any(axis=-1).all()


# --- starts


def test_starts_are_the_home_pose_with_noise(starts, robot, config):
    physics = starts.pipeline_state.physics
    home, noise = robot.home_qpos, config.env.resets
    angles = np.asarray(physics.qpos)[:, robot.qpos_ids]
    offsets = angles - home[robot.qpos_ids]
    assert (angles >= np.float32(robot.lower)).all()
    assert (angles <= np.float32(robot.upper)).all()
    for values, width in ((offsets, noise.joint_noise), (physics.qvel, noise.velocity_noise)):
        assert np.abs(values).max() == pytest.approx(width, rel=0.02)
        assert np.abs(values).max() <= width + 1e-6
        assert np.abs(np.mean(values)) < 0.05 * width
    np.testing.assert_allclose(physics.qpos[:, :7], np.tile(home[:7], (BATCH, 1)), atol=1e-6)


def test_starts_know_nothing_yet(env, starts, config):
    episode = starts.pipeline_state
    np.testing.assert_array_equal(read(env, starts.obs, "joint_velocities"), 0)
    np.testing.assert_array_equal(read(env, starts.obs, "last_action"), 0)
    np.testing.assert_allclose(episode.heading_target, 0, atol=1e-6)
    np.testing.assert_array_equal(episode.command, episode.schedule[:, 0])
    forward = episode.command[:, 0]
    assert forward.min() >= config.env.commands.forward[0]
    assert forward.max() <= config.env.commands.forward[1]
    assert np.histogram(episode.phase, bins=4, range=(0, 2 * np.pi))[0].min() >= BATCH // 8
    for value in (starts.reward, starts.done, *starts.metrics.values()):
        np.testing.assert_array_equal(value, 0)


# --- what physics does


def moved(state, angle, shift=(0.0, 0.0)):
    """The same state elsewhere, looking elsewhere, by a turn [rad] and a shift [m]."""
    cos, sin = np.cos(angle), np.sin(angle)
    turned = jnp.asarray([[cos, -sin], [sin, cos]])
    w, x, y, z = state.pipeline_state.physics.qpos[3:7]
    c, _, _, s = turn(angle)
    quat = jnp.stack([c * w - s * z, c * x - s * y, c * y + s * x, c * z + s * w])
    return put(
        state,
        qpos=lambda q: q.at[:2].set(turned @ q[:2] + jnp.asarray(shift)).at[3:7].set(quat),
        qvel=lambda v: v.at[:2].set(turned @ v[:2]),
        qacc_warmstart=lambda a: a.at[:2].set(turned @ a[:2]),
        heading_target=state.pipeline_state.heading_target + angle,
    )


@pytest.mark.parametrize(
    ("angle", "shift"), [(np.pi / 2, (0, 0)), (np.pi, (0, 0)), (0, (3, -2)), (-np.pi / 2, (1, 1))]
)
def test_place_and_heading_change_neither_observation_nor_reward(env, reset, step, angle, shift):
    here = reset(jax.random.PRNGKey(5))
    there = moved(here, angle, shift)
    for index in range(5):
        action = 0.3 * jnp.sin(jnp.arange(11.0) + index)
        here, there = step(here, action), step(there, action)
        for term in sizes(env):
            # An angle on the edge between two of the encoder's counts may read as either.
            limit = {"joint_positions": 0.0042, "joint_velocities": 0.042}.get(term, 2e-3)
            np.testing.assert_allclose(
                read(env, there.obs, term), read(env, here.obs, term), atol=limit
            )
        truth = [s.obs["privileged_state"][s.obs["state"].size :] for s in (here, there)]
        np.testing.assert_allclose(*truth, rtol=1e-3, atol=3e-3)
        assert there.reward == pytest.approx(float(here.reward), abs=1e-4)


def test_robot_stands_on_its_home_targets(batch, starts):
    state = starts
    for _ in range(50):
        state = batch[1](state, jnp.zeros((BATCH, 11)))
        assert not state.done.any()
    assert (state.pipeline_state.physics.qpos[:, 2] > 0.45).all()


def test_tipping_robot_falls(reset, step):
    leaning = lambda q: q.at[3:7].set(jnp.asarray(tilt(0.6)))  # noqa: E731
    state, steps = put(reset(jax.random.PRNGKey(0)), qpos=leaning), 0
    while not state.done:
        state, steps = step(state, IDLE), steps + 1
        assert steps < 50
    assert state.metrics["fall"] == 1
    assert state.reward < 0
    assert steps > 1


def test_random_actions_keep_everything_finite(batch, starts, config):
    actions = np.random.default_rng(0).normal(0.0, 2.0, (60, BATCH, 11)).astype(np.float32)
    state, falls = starts, 0
    for action in actions:
        state = batch[1](state, action)
        falls += state.done.sum()
        assert_finite(state)
        assert (state.reward >= -np.float32(config.env.fall_penalty)).all()
    assert falls > 0


def test_diverging_simulation_ends_its_episode_alone(batch, starts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    idle = jnp.zeros((BATCH, 11))
    wild = put(starts, qvel=lambda v: v.at[3, 8].set(1e9))
    after, calm = batch[1](wild, idle), batch[1](starts, idle)
    assert after.done[3] == 1
    assert after.done.sum() == 1
    qvel = np.array(after.pipeline_state.physics.qvel)
    np.testing.assert_array_equal(qvel[3], wild.pipeline_state.physics.qvel[3])
    assert_finite(after)
    others = np.arange(BATCH) != 3
    assert_same(row(after, others), row(calm, others))
