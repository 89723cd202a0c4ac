"""Drawn model parameters: their ranges, what belongs together, and what they do."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from puppet import put

from wildrobot_cli.config.disturbances import RandomizationConfig
from wildrobot_cli.env.randomization import draw_params

FIELDS = {
    "friction": {"geom_friction"},
    "mass": {"body_mass", "body_inertia"},
    "chassis_mass": {"body_mass", "body_inertia"},
    "damping": {"dof_damping"},
    "friction_loss": {"dof_frictionloss"},
    "armature": {"dof_armature"},
    "gain": {"actuator_gainprm", "actuator_biasprm"},
    "torque_limit": {"actuator_forcerange"},
}
OFFSETS = {"com", "joint_offset"}
LOW, HIGH = 0.7, 1.4


def draw(robot, episodes=400, **ranges):
    """Drawn fields of some episodes, over the robot's own values where these are not zero."""
    config = RandomizationConfig(**ranges)
    keys = jax.random.split(jax.random.PRNGKey(0), episodes)
    params = jax.vmap(lambda key: draw_params(key, config, robot))(keys)
    factors = {}
    for name, value in params.items():
        nominal = getattr(robot.model, name)
        assert value.shape == (episodes, *nominal.shape)
        np.testing.assert_array_equal(np.asarray(value)[:, nominal == 0], 0)
        factors[name] = np.asarray(value)[:, nominal != 0] / nominal[nominal != 0]
    return factors


def test_every_range_is_tested():
    assert set(FIELDS) | OFFSETS == set(RandomizationConfig.model_fields)


def test_ranges_of_one_leave_the_robot_alone(robot):
    assert draw(robot, episodes=2) == {}


@pytest.mark.parametrize("name", FIELDS)
def test_range_draws_its_own_fields_within_it(robot, name):
    factors = draw(robot, **{name: (LOW, HIGH)})
    assert set(factors) == FIELDS[name]
    for values in factors.values():
        drawn = values[np.abs(values - 1) > 1e-6]
        assert drawn.min() >= LOW - 1e-6
        assert drawn.max() <= HIGH + 1e-6
        assert drawn.min() < LOW + 0.02
        assert drawn.max() > HIGH - 0.02
        assert drawn.mean() == pytest.approx((LOW + HIGH) / 2, abs=0.05)


def test_friction_is_one_factor_on_sliding_friction(robot):
    config = RandomizationConfig(friction=(0.5, 0.5))
    friction = draw_params(jax.random.PRNGKey(0), config, robot)["geom_friction"]
    np.testing.assert_allclose(friction, robot.model.geom_friction * [0.5, 1.0, 1.0], rtol=1e-6)
    spread = draw(robot, friction=(LOW, HIGH))["geom_friction"].reshape(400, -1, 3)[..., 0]
    np.testing.assert_allclose(spread, np.broadcast_to(spread[:, :1], spread.shape), rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "field", "count"),
    [("mass", "body_mass", 12), ("damping", "dof_damping", 11), ("gain", "actuator_gainprm", 11)],
)
def test_each_body_joint_and_servo_has_a_factor_of_its_own(robot, name, field, count):
    factors = draw(robot, **{name: (LOW, HIGH)})[field]
    assert factors.shape == (400, count)
    assert np.max(np.abs(np.corrcoef(factors.T) - np.eye(count))) < 0.25


def test_inertia_goes_with_mass(robot):
    factors = draw(robot, mass=(LOW, HIGH))
    inertia = factors["body_inertia"].reshape(400, -1, 3)
    np.testing.assert_allclose(inertia, factors["body_mass"][..., None].repeat(3, -1), rtol=1e-5)


def test_payload_is_on_the_body_with_the_imu_alone(robot):
    config = RandomizationConfig(chassis_mass=(1.5, 1.5))
    params = draw_params(jax.random.PRNGKey(0), config, robot)
    heavier = params["body_mass"] / np.maximum(robot.model.body_mass, 1e-9)
    changed = np.flatnonzero(np.abs(heavier - 1) > 1e-6)
    assert [robot.model.body(i).name for i in changed if i] == ["chassis"]
    assert heavier[robot.imu_body] == pytest.approx(1.5)
    inertia = params["body_inertia"][robot.imu_body] / robot.model.body_inertia[robot.imu_body]
    np.testing.assert_allclose(inertia, 1.5, rtol=1e-6)


def test_payload_multiplies_the_bodys_own_factor(robot):
    config = RandomizationConfig(mass=(0.8, 0.8), chassis_mass=(1.5, 1.5))
    mass = draw_params(jax.random.PRNGKey(0), config, robot)["body_mass"]
    assert mass[robot.imu_body] == pytest.approx(1.2 * robot.model.body_mass[robot.imu_body])


def test_centre_of_mass_moves_on_the_body_with_the_imu_alone(robot):
    config = RandomizationConfig(com=0.01)
    keys = jax.random.split(jax.random.PRNGKey(0), 400)
    params = jax.vmap(lambda key: draw_params(key, config, robot))(keys)
    assert set(params) == {"body_ipos"}
    offset = np.asarray(params["body_ipos"]) - robot.model.body_ipos
    mine = offset[:, robot.imu_body]
    assert np.abs(np.delete(offset, robot.imu_body, axis=1)).max() < 1e-7
    assert mine.min(0) == pytest.approx([-0.01] * 3, abs=3e-4)
    assert mine.max(0) == pytest.approx([0.01] * 3, abs=3e-4)


def test_servo_stays_a_position_servo(robot):
    config = RandomizationConfig(gain=(LOW, HIGH))
    params = draw_params(jax.random.PRNGKey(0), config, robot)
    gains = params["actuator_gainprm"][:, 0]
    np.testing.assert_array_equal(params["actuator_biasprm"][:, 1], -gains)
    assert len(np.unique(gains)) == len(gains)


def test_torque_limit_is_the_same_both_ways(robot):
    config = RandomizationConfig(torque_limit=(LOW, HIGH))
    limits = draw_params(jax.random.PRNGKey(0), config, robot)["actuator_forcerange"]
    np.testing.assert_array_equal(limits[:, 0], -limits[:, 1])


def test_fields_are_drawn_independently_of_each_other(robot):
    names = set(FIELDS) - {"chassis_mass"}
    factors = draw(robot, **dict.fromkeys(names, (LOW, HIGH)))
    names = ("body_mass", "dof_damping", "actuator_gainprm")
    parts = [factors["geom_friction"][:, :1], factors["actuator_forcerange"][:, ::2]]
    columns = np.hstack([*parts, *(factors[name] for name in names)])
    correlation = np.corrcoef(columns.T) - np.eye(1 + 11 + 12 + 11 + 11)
    assert np.max(np.abs(correlation)) < 0.25


def test_context_has_the_torque_that_the_episodes_own_damping_leaves(puppet, start, robot):
    damping = 2.0 * jnp.asarray(robot.model.dof_damping)
    state = put(start, actuator_force=3.0, qvel=1.5)
    episode = state.pipeline_state
    plain = puppet.env.context(episode).torque
    damped = puppet.env.context(episode.replace(params={"dof_damping": damping})).torque
    np.testing.assert_allclose(plain, 3.0 - 1.5 * robot.damping, rtol=1e-6)
    np.testing.assert_allclose(damped, 3.0 - 3.0 * robot.damping, rtol=1e-6)


def test_parameters_change_the_motion(env, reset, step):
    state, action = reset(jax.random.PRNGKey(0)), jnp.full(11, 0.3)
    half = RandomizationConfig(mass=(0.5, 0.5))
    params = draw_params(jax.random.PRNGKey(0), half, env.robot)
    episode = state.pipeline_state.replace(params=params)
    light = step(state.replace(pipeline_state=episode), action).pipeline_state
    nominal = step(state, action).pipeline_state
    assert np.max(np.abs(light.physics.qvel - nominal.physics.qvel)) > 1e-2
    assert light.params.keys() == params.keys()
