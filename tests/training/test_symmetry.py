"""What symmetric networks take for a mirror image is one, and they answer in it."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brax.training.acme import running_statistics, specs

from wildrobot_cli import EnvConfig, WildRobotEnv, load_robot
from wildrobot_cli.env import privileged
from wildrobot_cli.env.environment import POLICY_KEY, VALUE_KEY
from wildrobot_cli.errors import ConfigError
from wildrobot_cli.motion.mirror import mirror_angles
from wildrobot_cli.runtime.observing import observations
from wildrobot_cli.runtime.observing.estimation import TURN
from wildrobot_cli.training.networks import network_factory
from wildrobot_cli.training.symmetry import Reflection, symmetry_of, term_images

SILENT = "env.sensors={gyro_noise: 0, tilt_noise: 0}"
VECTOR, RATES = np.array([1, -1, 1]), np.array([-1, 1, -1])
QUATERNION = np.array([1, -1, 1, -1])
ROUNDING = 1e-5
"""Of single precision; 2e-7 was seen."""
STEPS = 7


@pytest.fixture(scope="module")
def quiet():
    """The default environment without noise, and with commands in every direction."""
    sideways = ("env.commands.lateral=[-0.2, 0.2]", "env.commands.yaw_rate=[-0.5, 0.5]")
    return WildRobotEnv(EnvConfig.from_file("ppo.yaml", ("env.engine=mujoco", SILENT, *sideways)))


@pytest.fixture(scope="module")
def symmetry(quiet):
    return symmetry_of(quiet)


@pytest.fixture(scope="module")
def pair(quiet):
    """A state in the middle of a stumble, and its mirror image."""
    state, rng = jax.jit(quiet.reset)(jax.random.PRNGKey(3)), np.random.default_rng(0)
    step = jax.jit(quiet.step)
    for _ in range(STEPS):
        action = rng.uniform(-0.5, 0.5, quiet.action_size).astype(np.float32)
        state = step(state, action)
    return state.pipeline_state, mirrored(quiet, state.pipeline_state)


def mirrored(env, episode):
    """The same episode seen in a mirror, by the clips' own mirror and nothing of the networks'."""
    robot = env.robot
    qpos, qvel = np.array(episode.physics.qpos), np.array(episode.physics.qvel)
    root = robot.root_qpos.start
    qpos[root : root + 3] *= VECTOR
    qpos[root + 3 : root + 7] *= QUATERNION
    qvel[:3] *= VECTOR
    qvel[3:6] *= RATES

    def joints(values):
        return jnp.asarray(mirror_angles(robot, np.asarray(values)), jnp.float32)

    qpos[robot.qpos_ids] = joints(qpos[robot.qpos_ids])
    qvel[robot.qvel_ids] = joints(qvel[robot.qvel_ids])
    physics = env.engine.init(
        episode.params, jnp.asarray(qpos), jnp.asarray(qvel), jnp.asarray(robot.home_ctrl)
    )
    physics = physics.replace(time=episode.physics.time)
    return replace(
        episode,
        physics=physics,
        command=episode.command * np.array([1, -1, -1]),
        heading_target=-episode.heading_target,
        phase=(episode.phase + np.pi) % TURN,
        action=joints(episode.action),
        last_action=joints(episode.last_action),
        encoders=joints(episode.encoders),
    )


def seen(env, episode):
    """Observations of an episode, its sensors as they are in the position it is in."""
    physics = episode.physics
    settled = env.engine.init(episode.params, physics.qpos, physics.qvel, env.robot.home_ctrl)
    episode = replace(episode, physics=settled.replace(time=physics.time))
    before = episode.encoders - 0.01 * jnp.sign(episode.encoders)
    return env.observe(episode, before, None, jax.random.PRNGKey(0))


def gaps(env, pair, reflections, key):
    """How far the mirrored robot's observation is from the reflected one, by term."""
    here, there = (seen(env, episode)[key] for episode in pair)
    gap = np.abs(np.asarray(reflections[key](here)) - np.asarray(there))
    places = {name: at for name, at in env.observation_slices.items() if at.stop <= gap.size}
    return {name: float(gap[at].max()) for name, at in places.items()}


@pytest.mark.parametrize("key", [POLICY_KEY, VALUE_KEY])
def test_reflected_observation_is_that_of_the_mirrored_robot(quiet, pair, symmetry, key):
    found = gaps(quiet, pair, symmetry.observations, key)
    assert {name for name, gap in found.items() if gap > ROUNDING} == set()
    here = np.asarray(seen(quiet, pair[0])[key])
    assert np.abs(np.asarray(symmetry.observations[key](here)) - here).max() > 0.1, "it differs"


@pytest.mark.parametrize(
    "name", ["gyro", "up_vector", "heading_error", "command", "joint_positions", "root_velocity"]
)
def test_a_planted_wrong_sign_is_found(quiet, pair, symmetry, name):
    right = symmetry.observations[VALUE_KEY]
    signs = right.signs.copy()
    signs[quiet.observation_slices[name]] *= -1
    wrong = {VALUE_KEY: Reflection(right.places, signs)}
    assert gaps(quiet, pair, wrong, VALUE_KEY)[name] > ROUNDING


def test_every_term_has_an_image(symmetry):
    assert set(term_images(symmetry.action)) == {*observations.TERMS, *privileged.TERMS}


def test_clock_is_the_sine_of_the_left_foots_phase(quiet, symmetry):
    assert symmetry.clock == quiet.observation_slices["phase"].stop - 1


def test_a_reflection_undoes_itself(symmetry):
    for reflection in (*symmetry.observations.values(), symmetry.action):
        values = np.random.default_rng(0).standard_normal((3, len(reflection.signs)))
        np.testing.assert_array_equal(reflection(reflection(values)), values)


@pytest.fixture(scope="module")
def networks(quiet, config, symmetry):
    build = network_factory(config.ppo.mujoco, symmetry)
    made = build(quiet.observation_size, quiet.action_size)
    shapes = {
        key: specs.Array(size, np.dtype("float32")) for key, size in quiet.observation_size.items()
    }
    return made, running_statistics.init_state(shapes)


@pytest.mark.parametrize("axes", [(), (6,), (2, 6)])
def test_networks_answer_a_mirrored_world_with_the_mirror_image(networks, symmetry, axes):
    (made, normalizer), draw = networks, np.random.default_rng(1).standard_normal
    world = {
        key: draw((*axes, len(reflection.signs))).astype(np.float32)
        for key, reflection in symmetry.observations.items()
    }
    image = {key: symmetry.observations[key](value) for key, value in world.items()}
    params = made.policy_network.init(jax.random.PRNGKey(0))
    here, there = (
        np.asarray(made.policy_network.apply(normalizer, params, obs)) for obs in (world, image)
    )
    mean, spread = np.split(here, 2, axis=-1)
    expected = [symmetry.action(mean), spread[..., symmetry.action.places]]
    np.testing.assert_allclose(there, np.concatenate(expected, axis=-1), rtol=1e-5, atol=1e-5)
    assert np.abs(there - here).max() > 0.01
    params = made.value_network.init(jax.random.PRNGKey(0))
    here, there = (made.value_network.apply(normalizer, params, obs) for obs in (world, image))
    np.testing.assert_allclose(there, here, rtol=1e-5, atol=1e-5)


def test_without_the_phase_there_is_no_telling_which_foot(config):
    others = {k: v for k, v in config.env.observations.items() if k != "phase"}
    env = WildRobotEnv(config.env.model_copy(update={"observations": others}))
    with pytest.raises(ConfigError, match=r"needs env\.observations\.phase"):
        symmetry_of(env)


def test_a_robot_that_stands_crooked_is_refused(config, robot):
    home = robot.home_ctrl.copy()
    home[robot.joint_names.index("left_knee_pitch")] += 0.1
    env = WildRobotEnv(config.env, robot=replace(robot, home_ctrl=home))
    with pytest.raises(
        ConfigError, match=r"joint 'left_knee_pitch' stands at .* ppo\.symmetric: false"
    ):
        symmetry_of(env)


def test_an_imu_that_looks_aside_is_refused(config):
    def turn(spec):
        spec.site("imu").quat = [np.cos(0.005), 0, 0, np.sin(0.005)]

    env = WildRobotEnv(config.env, robot=load_robot("wildrobot").variant(turn))
    with pytest.raises(ConfigError, match=r"the IMU's y axis points to .*, expected to the side"):
        symmetry_of(env)


def test_a_joint_without_a_partner_is_refused(config, robot):
    names = tuple(name.replace("left_knee", "left_elbow") for name in robot.joint_names)
    env = WildRobotEnv(config.env)
    env.robot = replace(robot, joint_names=names)
    with pytest.raises(ConfigError, match=r"no partner .*set ppo\.symmetric: false"):
        symmetry_of(env)
