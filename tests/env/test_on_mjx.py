"""The environment on MJX: the same episodes as on MuJoCo, and everything that training asks of it.

MJX takes a minute to compile; what the engine itself promises is tested in `tests/physics`.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brax.envs.wrappers.training import wrap

from wildrobot_cli import Config, EnvConfig, WildRobotEnv
from wildrobot_cli.training.learner import Learner

ENVS, STEPS = 4, 15
TOLERANCE = 1e-9
SETTINGS = (
    "env.randomization={friction: [0.5, 1.2], mass: [0.8, 1.2], chassis_mass: [0.8, 1.3], "
    "com: 0.01, damping: [0.8, 1.2], friction_loss: [0.5, 2.0], armature: [0.8, 1.2], "
    "gain: [0.8, 1.2], torque_limit: [0.8, 1.0], joint_offset: 0.02}",
    "env.sensors={gyro_noise: 0.02, tilt_noise: 0.005, gyro_bias: 0.05, encoder_noise: 0.002, "
    "half_read: true}",
    "env.delays={latency: [0.0, 0.04], jitter: 0.01}",
    "env.pushes={force: [10, 20], duration: 0.1, interval: [0.0, 0.1]}",
    "env.dropout={duration: 0.06, interval: [0.0, 0.1]}",
    "env.terrain={slope: [0.05, 0.1], bumps: {height: [0.01, 0.02], wavelength: [0.2, 1.0]}}",
    *(
        f"env.{engine}.{setting}"
        for engine in ("mujoco", "mjx")
        for setting in ("iterations=20", "ls_iterations=20", "tolerance=1e-12")
    ),
)


@pytest.fixture(scope="module")
def episodes():
    """Episodes on each engine, from the same keys and actions. Leaves (STEPS + 1, ENVS, ...)."""
    with jax.enable_x64(True):
        return {name: play(name) for name in ("mujoco", "mjx")}


def play(engine: str):
    env = WildRobotEnv(EnvConfig.from_file("ppo.yaml", (f"env.engine={engine}", *SETTINGS)))
    actions = np.random.default_rng(0).uniform(-1, 1, (STEPS, ENVS, env.action_size))
    step = jax.jit(jax.vmap(env.step))
    states = [jax.jit(jax.vmap(env.reset))(jax.random.split(jax.random.PRNGKey(0), ENVS))]
    for action in actions:
        states.append(step(states[-1], jnp.asarray(action)))
    return jax.tree.map(lambda *leaves: np.stack(leaves), *states)


def largest_difference(ours, theirs) -> float:
    pairs = zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True)
    return max(float(np.max(np.abs(a - b))) for a, b in pairs)


@pytest.mark.slow
@pytest.mark.parametrize("field", ["obs", "reward", "metrics", "done"])
def test_episodes_are_those_on_mujoco(episodes, field):
    mjx, mujoco = (getattr(episodes[name], field) for name in ("mjx", "mujoco"))
    assert largest_difference(mjx, mujoco) < TOLERANCE


@pytest.mark.slow
def test_episodes_are_eventful(episodes):
    state = episodes["mjx"].pipeline_state
    assert state.physics.ok.all()
    loads = episodes["mjx"].obs["privileged_state"][..., -2:]
    assert (loads > 0).mean() > 0.3, "on the ground"
    assert np.ptp(state.params["body_mass"], axis=1).max() > 0.01
    assert np.abs(state.physics.qvel).max() > 3.0


def test_tracing_leaks_nothing():
    env = WildRobotEnv(EnvConfig.from_file("ppo.yaml", ("env.engine=mjx",)))
    with jax.checking_leaks():
        state = jax.eval_shape(env.reset, jax.random.PRNGKey(0))
        after = jax.eval_shape(env.step, state, jnp.zeros(env.action_size))
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), (state, state.obs)) == (
        jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), (after, after.obs))
    )


@pytest.mark.slow
def test_learner_learns_on_brax_own_wrappers():
    shapes = {"num_envs": 8, "unroll_length": 3, "num_minibatches": 2}
    nets = {"policy_hidden": "[8]", "value_hidden": "[8]"}
    batch = [f"ppo.mjx.{key}={value}" for key, value in (shapes | nets).items()]
    config = Config.from_file("ppo.yaml", ("env.engine=mjx", *batch))
    env = wrap(WildRobotEnv(config.env), config.env.episode_steps)
    learner = Learner(env, config.ppo, config.ppo.mjx, iterations=1)
    before = learner.init(jax.random.PRNGKey(0))
    weights = jax.tree.map(np.asarray, before.params)
    after, metrics, _ = learner.iterate(before)
    assert largest_difference(weights, jax.tree.map(np.asarray, after.params)) > 1e-4
    assert all(np.isfinite(value) for name, value in metrics.items() if name.startswith("loss/"))
