"""Features that break engine equality are found on a robot that is not ours, and can be removed."""

from types import SimpleNamespace

import mujoco
import numpy as np
import pytest

from wildrobot_cli import EnvConfig, load_robot
from wildrobot_cli.validation import breakers
from wildrobot_cli.validation.breakers import FEATURES, measure_breakers

BOXES, CONE, CLAMPED = FEATURES


def test_packaged_robot_has_none():
    assert [
        feature.name for feature in FEATURES if feature.find(load_robot("wildrobot").model)
    ] == []


def test_features_are_found_where_they_are(biped):
    model = load_robot(biped).model
    assert BOXES.find(model) == ["left_box", "right_box"]
    assert CLAMPED.find(model) == list(load_robot(biped).joint_names)
    assert CONE.find(model) == []
    model.opt.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    assert CONE.find(model) == ["option cone"]


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_removed_feature_is_gone(biped, feature):
    robot = load_robot(biped).variant(_elliptic)
    assert feature.find(robot.model)
    assert feature.find(load_robot(biped).variant(feature.remove).model) == []


def _elliptic(spec: mujoco.MjSpec) -> None:
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC


def test_spheres_touch_where_the_box_did(biped):
    robot = load_robot(biped)
    rounded = robot.variant(BOXES.remove)
    heights = []
    for model in (robot.model, rounded.model):
        data = mujoco.MjData(model)
        data.qpos[:], data.ctrl[:] = robot.home_qpos, robot.home_ctrl
        mujoco.mj_step(model, data, 500)
        heights.append(data.qpos[2])
        assert data.sensordata[-1] > 0.4 * robot.weight
    assert heights[0] == pytest.approx(heights[1], abs=2e-3)
    assert np.isclose(rounded.model.body_subtreemass[1], robot.mass)


def test_a_difference_that_is_no_number_is_a_breaker(biped, monkeypatch):
    """One engine diverges wherever there is a box; nothing is simulated here."""

    class Env:
        def __init__(self, config, robot):
            self.broken = config.engine == "mjx" and bool(BOXES.find(robot.model))

        def targets(self, actions):
            return actions

    def advance(env, before, targets):
        return SimpleNamespace(qvel=np.array([0.0, np.nan if env.broken else 0.0]))

    fakes = {"WildRobotEnv": Env, "advance": advance, "play": lambda *_: (None, None)}
    fakes["draw_actions"] = lambda *_: np.zeros(1)
    for name, fake in fakes.items():
        monkeypatch.setattr(breakers, name, fake)
    config = EnvConfig.from_file("ppo.yaml")
    found, left = measure_breakers(load_robot(biped), config, 0, 1, 1, 1e-10)
    assert [(breaker.feature, breaker.difference) for breaker in found] == [(BOXES.name, np.inf)]
    assert left == 0


@pytest.mark.slow
def test_both_breakers_of_another_robot_are_named_and_measured(biped):
    config = EnvConfig.from_file("ppo.yaml", CONVERGED)
    found, left = measure_breakers(load_robot(biped), config, 0, 2, 20, 1e-10)
    assert [breaker.feature for breaker in found] == [BOXES.name, CLAMPED.name]
    assert [breaker.where for breaker in found] == [
        "left_box, right_box",
        ", ".join(load_robot(biped).joint_names),
    ]
    assert min(breaker.difference for breaker in found) > 1e-3
    assert left < 1e-10


CONVERGED = tuple(
    f"env.{engine}.{setting}"
    for engine in ("mujoco", "mjx")
    for setting in ("iterations=20", "ls_iterations=20", "tolerance=1e-12")
)
