"""Everything that an episode has to bear is felt, and what is not asked for is not there."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
import pytest

from wildrobot_cli import EnvConfig, WildRobotEnv
from wildrobot_cli.physics.factory import make_engine
from wildrobot_cli.physics.mujoco import MujocoEngine
from wildrobot_cli.physics.protocol import RANDOMIZABLE

NOTHING = (
    "env.delays={latency: [0, 0], jitter: 0}",
    "env.sensors={gyro_noise: 0.02, tilt_noise: 0.005, gyro_bias: 0, encoder_noise: 0, "
    "half_read: false, scale: 1}",
    "env.randomization={friction: [1, 1], chassis_mass: [1, 1], com: 0, joint_offset: 0}",
    "env.commands.ramp=0",
)
EVERYTHING = (
    "env.engine=mujoco",
    "env.randomization={friction: [0.3, 0.5], mass: [0.8, 0.9], chassis_mass: [1.2, 1.3], "
    "com: 0.02, damping: [0.8, 0.9], friction_loss: [2, 3], armature: [0.7, 0.8], "
    "gain: [0.8, 0.9], torque_limit: [0.3, 0.4], joint_offset: 0.05}",
    "env.sensors={gyro_noise: 0, tilt_noise: 0, gyro_bias: 0.1, half_read: true}",
    "env.delays={latency: [0.01, 0.03]}",
    "env.pushes={force: [10, 10], duration: 0.2, interval: [0.1, 0.1]}",
    "env.dropout={duration: 0.3, interval: [0.06, 0.06]}",
    "env.terrain={slope: [0.05, 0.05], bumps: {height: [0.02, 0.02], wavelength: [0.2, 0.5]}}",
    "env.privileged={push: {}, latency: {}}",
)
STEPS = 20
ACTIONS = np.random.default_rng(0).uniform(-0.6, 0.6, (STEPS, 11)).astype(np.float32)
AIR = 5.0


def test_what_is_not_asked_for_is_not_in_the_program(env, config, step):
    state = jax.eval_shape(env.reset, jax.random.PRNGKey(0))
    episode, action = state.pipeline_state, jnp.zeros(11)
    unasked = (episode.disturbance, episode.ground, episode.command_share, episode.params)
    assert jax.tree.leaves(unasked) == []
    explicit = WildRobotEnv(EnvConfig.from_file("ppo.yaml", ("env.engine=mujoco", *NOTHING)))
    programs = [str(jax.make_jaxpr(e.step)(state, action)) for e in (env, explicit)]
    assert programs[0] == programs[1]


class Deaf:
    """An engine that applies no parameters."""

    def __init__(self, engine: MujocoEngine) -> None:
        self.name, self.model, self._engine = engine.name, engine.model, engine

    def init(self, params, qpos, qvel, ctrl):
        return self._engine.init({}, qpos, qvel, ctrl)

    def step(self, params, state, ctrl, wrench):
        return self._engine.step({}, state, ctrl, wrench)


@pytest.fixture(scope="module")
def disturbed():
    """An environment that disturbs in every way, its start, and the compiled way it goes."""
    env = WildRobotEnv(EnvConfig.from_file("ppo.yaml", EVERYTHING))
    state = jax.jit(env.reset)(jax.random.PRNGKey(0))
    return env, state, roll(env)


def roll(env):
    """Compiled: from states of a batch to what follows under `ACTIONS`. Leaves (n, STEPS, ...)."""

    def one(state):
        return jax.lax.scan(lambda s, a: (env.step(s, a),) * 2, state, ACTIONS)[1]

    return jax.jit(jax.vmap(one))


def relieved(env, state):
    """The state with one burden taken off at a time, by the burden's name."""
    episode, model = state.pipeline_state, env.robot.model
    burden, ground = episode.disturbance, episode.ground
    eased = {
        "joint_offset": replace(burden, joint_offset=0 * burden.joint_offset),
        "gyro_bias": replace(burden, gyro_bias=0 * burden.gyro_bias),
        "latency": replace(burden, link=replace(burden.link, latency=0 * burden.link.latency)),
        "pushes": replace(burden, pushes=replace(burden.pushes, force=0 * burden.pushes.force)),
        "dropouts": replace(
            burden, dropouts=replace(burden.dropouts, begin=burden.dropouts.begin + STEPS)
        ),
    }
    episodes = {name: replace(episode, disturbance=value) for name, value in eased.items()}
    for name, value in (("gradient", 0.0), ("amplitude", 0.0)):
        level = replace(ground, **{name: getattr(ground, name) * value})
        episodes[name] = replace(episode, ground=level)
    for name, value in episode.params.items():
        own = {**episode.params, name: jnp.asarray(getattr(model, name), value.dtype)}
        episodes[name] = replace(episode, params=own)
    return {name: state.replace(pipeline_state=value) for name, value in episodes.items()}


def unfelt(env, state, way):
    """Names of the burdens that change nothing that the policy sees."""
    states = {"as it was": state, **relieved(env, state)}
    after = way(jax.tree.map(lambda *leaves: jnp.stack(leaves), *states.values()))
    seen = np.asarray(after.obs["state"])
    change = np.abs(seen - seen[:1]).max(axis=(1, 2))
    return {name for name, size in zip(states, change, strict=True) if size < 1e-3} - {"as it was"}


def test_every_drawn_parameter_is_one_that_engines_apply(disturbed):
    _, state, _ = disturbed
    laid = {"geom_pos", "geom_quat"}
    assert set(state.pipeline_state.params) == set(RANDOMIZABLE) - laid


def test_every_burden_is_felt(disturbed):
    assert unfelt(*disturbed) == set()


def test_a_parameter_that_is_drawn_and_not_applied_is_caught(disturbed):
    env, state, _ = disturbed
    engine = make_engine(env.robot, env.config)
    deaf = WildRobotEnv(env.config, Deaf(engine))
    assert unfelt(deaf, state, roll(deaf)) >= set(state.pipeline_state.params)


def magnitudes(env, state):
    """How far each burden of an episode is from none, an array each by its name."""
    episode, model = state.pipeline_state, env.robot.model
    burden, ground = episode.disturbance, episode.ground
    own = {name: np.asarray(getattr(model, name)) for name in episode.params}
    sizes = {name: np.asarray(value) - own[name] for name, value in episode.params.items()}
    sizes |= {
        "joint_offset": burden.joint_offset,
        "gyro_bias": burden.gyro_bias,
        "latency": burden.link.latency,
        "pushes": burden.pushes.force,
        "gradient": ground.gradient,
        "amplitude": ground.amplitude,
    }
    return {name: np.asarray(size, np.float64) for name, size in sizes.items()}


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_an_episode_bears_the_share_of_every_burden_that_it_is_to_bear(disturbed, share):
    env, state, _ = disturbed
    whole = magnitudes(env, state)
    eased = magnitudes(env, jax.jit(env.reset)(jax.random.PRNGKey(0), jnp.float32(share)))
    for name, size in whole.items():
        np.testing.assert_allclose(eased[name], share * size, atol=1e-5, err_msg=name)
        assert np.abs(size).max() > 1e-4, name


def momentum(model, qpos, qvel):
    """Linear momentum of the whole robot [kg m/s]. Shape (3,)."""
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = qpos, qvel
    mujoco.mj_forward(model, data)
    mujoco.mj_subtreeVel(model, data)
    return data.subtree_linvel[0] * model.body_subtreemass[0]


def test_pushes_deliver_the_impulse_asked(disturbed):
    """In the air nothing else acts sideways; integrating turning limbs is exact to 0.1 %."""
    env, state, way = disturbed
    model, episode = env.robot.model, state.pipeline_state
    own = {name: jnp.asarray(getattr(model, name), v.dtype) for name, v in episode.params.items()}
    physics = episode.physics
    high = replace(physics, qpos=physics.qpos.at[2].add(AIR), qvel=0 * physics.qvel)
    episode = replace(episode, params=own, physics=high)
    pushed = state.replace(pipeline_state=episode)
    begin = np.asarray(episode.disturbance.pushes.begin)
    assert (begin[:2] == [5, 20]).all(), "one push, and all of it"
    alone = relieved(env, pushed)["pushes"]
    after = way(jax.tree.map(lambda *leaves: jnp.stack(leaves), pushed, alone))
    ends = after.pipeline_state.physics.qpos[:, -1], after.pipeline_state.physics.qvel[:, -1]
    gained = np.subtract(*(momentum(model, qpos, qvel) for qpos, qvel in zip(*ends, strict=True)))
    force = np.asarray(episode.disturbance.pushes.force)[0]
    assert np.linalg.norm(force) == pytest.approx(10.0, rel=1e-6)
    np.testing.assert_allclose(gained[:2], 0.2 * force, atol=2e-3)


def test_value_function_sees_latency_and_a_push_while_it_lasts(disturbed):
    env, state, way = disturbed
    seen = way(jax.tree.map(lambda leaf: leaf[None], state)).obs["privileged_state"][0]
    push, latency = (seen[:, env.observation_slices[name]] for name in ("push", "latency"))
    taken = np.arange(1, STEPS + 1)
    going_on = (taken >= 5) & (taken < 15) | (taken >= 20)
    force = env.robot.weight * np.linalg.norm(push, axis=1)
    np.testing.assert_allclose(force, 10.0 * going_on, rtol=1e-5)
    np.testing.assert_array_equal(latency[:, 0], state.pipeline_state.disturbance.link.latency)
