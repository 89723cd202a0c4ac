import numpy as np
import pytest

from wildrobot_cli.making.dynamics import dynamics, velocities
from wildrobot_cli.making.planning import standing


@pytest.fixture(scope="module")
def still(robot, recipe):
    return standing(robot, recipe)


def test_standing_asks_the_floor_for_the_weight_alone(robot, still):
    needs = still.dynamics
    np.testing.assert_allclose(
        needs.force, np.tile([0, 0, robot.weight], (len(needs.force), 1)), atol=1e-6
    )


def test_standing_presses_under_the_centre_of_mass(still):
    needs = still.dynamics
    np.testing.assert_allclose(needs.pressure, needs.com[:, :2], atol=1e-9)
    assert np.abs(needs.pressure - needs.soles[..., :2].mean(axis=1)).max() < 0.02


def test_an_accelerated_body_presses_behind_itself(robot):
    dt, times = 0.01, np.arange(40) * 0.01
    qpos = np.tile(robot.home_qpos, (40, 1))
    qpos[:, 0] += 0.5 * 1.0 * times**2
    needs = dynamics(robot, qpos, dt)
    middle = slice(5, -5)
    np.testing.assert_allclose(needs.force[middle, 0], robot.mass * 1.0, rtol=1e-6)
    lag = needs.com[middle, 2] * 1.0 / (robot.weight / robot.mass)
    np.testing.assert_allclose(needs.com[middle, 0] - needs.pressure[middle, 0], lag, rtol=1e-6)


def test_the_jacobians_are_those_of_the_soles(robot):
    rng = np.random.default_rng(0)
    qpos = np.tile(robot.home_qpos, (3, 1))
    change = 1e-5 * rng.normal(size=len(robot.qpos_ids))
    qpos[2, robot.qpos_ids] += change
    qpos[1, robot.qpos_ids] += change / 2
    needs = dynamics(robot, qpos, 1.0)
    moved = needs.soles[2] - needs.soles[0]
    predicted = needs.jacobians[1, :, :3][..., robot.qvel_ids] @ change
    np.testing.assert_allclose(moved, predicted, atol=1e-9)


def test_velocities_are_differences(robot):
    qpos = np.tile(robot.home_qpos, (5, 1))
    qpos[:, 7] = 0.02 * np.arange(5)
    found = velocities(robot.model, qpos, 0.01)
    np.testing.assert_allclose(found[:, 6], 2.0)
