"""Ground that is looked at is the ground that was walked on."""

import jax
import mujoco
import numpy as np
import pytest

from wildrobot_cli.config.disturbances import BumpConfig, TerrainConfig
from wildrobot_cli.config.scenario import load_scenarios
from wildrobot_cli.env.ground import draw_ground, height_at
from wildrobot_cli.evaluation.landscape import BEYOND, on_ground
from wildrobot_cli.evaluation.measuring import Subject, measure

TERRAINS = {
    "slope": TerrainConfig(slope=(0.09, 0.09)),
    "bumps": TerrainConfig(
        slope=(0.0, 0.0), bumps=BumpConfig(height=(0.02, 0.02), wavelength=(0.3, 0.6))
    ),
    "level": TerrainConfig(slope=(0.0, 0.0)),
}


def height_seen(model, place):
    """Where a ray from above meets what is rendered there [m]."""
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    shown, met = np.array([1, 0, 0, 0, 0, 0], np.uint8), np.zeros(1, np.int32)
    down = np.array([0.0, 0.0, -1.0])
    return 5.0 - mujoco.mj_ray(model, data, np.array([*place, 5.0]), down, shown, 1, -1, met)


@pytest.mark.parametrize("kind", TERRAINS)
def test_heights_are_those_of_the_ground(robot, kind):
    ground = draw_ground(jax.random.PRNGKey(1), TERRAINS[kind])
    model = on_ground(robot, ground, np.array([[0.0, 0.0], [2.0, -1.0]]))
    for place in ([1.0, 0.7], [-0.9, -2.0], [2.0 + BEYOND - 0.1, 0.3]):
        truth = float(height_at(ground, np.array(place)))
        assert height_seen(model, place) == pytest.approx(truth, abs=2e-3)


def test_nothing_else_of_the_model_changes(robot):
    ground = draw_ground(jax.random.PRNGKey(0), TERRAINS["slope"])
    model, level = on_ground(robot, ground, np.zeros((1, 2))), robot.visual_model()
    assert (model.nq, model.nv, model.nsensor, model.ncam) == (
        level.nq,
        level.nv,
        level.nsensor,
        level.ncam,
    )
    assert model.ngeom == level.ngeom + 1
    assert not (model.geom_type[model.geom_group < 3] == mujoco.mjtGeom.mjGEOM_PLANE).any()


def test_a_rollout_keeps_the_ground_that_it_was_on(run):
    (slope,) = load_scenarios(("slope",))
    short = ("env.episode_length=0.4", "env.resets={joint_noise: 0, velocity_noise: 0}")
    walked = measure(Subject(run, overrides=short, episodes=3), slope).trajectory
    last = walked.only(slice(2, None))
    assert walked.ground.gradient.shape == (3, 2)
    np.testing.assert_array_equal(last.ground.gradient, walked.ground.gradient[2:])
    below = height_at(last.ground.only(0), last.position[0, 0, :2])
    assert np.hypot(*last.ground.gradient[0]) == pytest.approx(np.tan(np.radians(5)), rel=1e-3)
    assert last.position[0, 0, 2] - below == pytest.approx(0.48, abs=0.04)
