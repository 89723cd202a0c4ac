"""The smoke test passes on the packaged robot, and finds what is wrong with others."""

import dataclasses
import re

import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_cli import WildRobotEnv, load_robot
from wildrobot_cli.env import terminations
from wildrobot_cli.robot import Feet
from wildrobot_cli.validation import smoke as module
from wildrobot_cli.validation.health import check_model
from wildrobot_cli.validation.smoke import STATES, smoke


@pytest.fixture(scope="module")
def found(reference):
    return smoke(reference, reference, seed=0, num_envs=2, num_steps=10)


def failed(result) -> set[str]:
    return {check.name for check in result.checks if not check.passed}


def test_packaged_robot_passes(found):
    assert found.passed, failed(found)
    assert len(found.checks) >= 12


def test_ranges_are_of_every_term(found, config):
    assert set(found.observations) == {*config.observations, *config.privileged}
    assert set(found.rewards) == set(config.rewards)
    assert found.observations["last_action"] == (-1.0, 1.0)
    assert all(low <= high for low, high in [*found.observations.values(), *found.rewards.values()])


def test_every_termination_has_states_that_trigger_it():
    assert set(STATES) == set(terminations.TERMS)


class Poisoned(WildRobotEnv):
    """Observes NaN once an action is extreme."""

    def observe(self, episode, last_encoders, before, rng):
        poison = jnp.where(jnp.abs(episode.action).min() == 1.0, jnp.nan, 0.0)
        seen = super().observe(episode, last_encoders, before, rng)
        return {key: value + poison for key, value in seen.items()}


class Misjudged(WildRobotEnv):
    """Measures heading in another sense of turning, and never finds itself tilted."""

    def context(self, episode):
        context = super().context(episode)
        return context._replace(heading=-context.heading)

    def terminations(self, context):
        return {**super().terminations(context), "tilted": jnp.zeros((), bool)}


def test_nan_is_found_with_the_actions_that_cause_it(config):
    env = Poisoned(config, robot=load_robot("wildrobot"))
    assert failed(smoke(env, env, seed=0, num_envs=1, num_steps=5)) == {"extreme actions"}


def test_wrong_heading_and_deaf_termination_are_found(config):
    env = Misjudged(config, robot=load_robot("wildrobot"))
    names = {f"{module.ORIENTATIONS} orientations", "termination tilted"}
    assert failed(smoke(env, env, seed=0, num_envs=1, num_steps=5)) == names


def test_robot_that_does_not_stand_is_found(config):
    robot = load_robot("wildrobot")
    limp = dataclasses.replace(robot, home_ctrl=robot.home_ctrl + 0.5)
    env = WildRobotEnv(config, robot=limp)
    stands = module._stands(env)
    assert not stands.passed
    assert re.search(r"; (tilted|too_low) after [01]\.\d\d s", stands.measured)


def _turn_imu(spec):
    spec.site("imu").quat = [0.9998, 0.0, 0.0, 0.02]


def _lift_imu(spec):
    spec.site("imu").quat = [0.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("fault", ["turned by 0.04 rad", "upside down", "no heading joint"])
def test_wrong_imu_or_heading_joint_is_found(config, fault):
    robot = load_robot("wildrobot")
    if fault == "no heading joint":
        robot = dataclasses.replace(robot, heading_joint=None)
        joint = robot.joint_names.index("waist_yaw")
        home = robot.home_qpos.copy()
        home[robot.qpos_ids[joint]] = 0.2
        robot = dataclasses.replace(robot, home_qpos=home)
    else:
        robot = robot.variant(_turn_imu if fault.startswith("turned") else _lift_imu)
    checks = module._imu(WildRobotEnv(config, robot=robot), seed=0)
    assert not checks.passed
    assert module._imu(WildRobotEnv(config, robot=load_robot("wildrobot")), seed=0).passed


def test_pose_that_starts_inside_the_floor_is_found(config):
    home = load_robot("wildrobot").home_qpos.copy()
    home[2] -= 0.037
    robot = dataclasses.replace(load_robot("wildrobot"), home_qpos=home)
    env = WildRobotEnv(config, robot=robot)
    names = failed(smoke(env, env, seed=0, num_envs=1, num_steps=3))
    assert {"contact at home", "home stands for 2 s"} <= names


# --- the model's health

FEET = load_robot("wildrobot").feet
SWAPPED = Feet(left=FEET.right, right=FEET.left)


def broken(**changes):
    """The packaged robot with some fields replaced, and its model's arrays changed in place."""
    robot = load_robot("wildrobot")
    for name in [name for name in changes if hasattr(robot.model, name)]:
        getattr(robot.model, name)[...] = changes.pop(name)(getattr(robot.model, name))
    return dataclasses.replace(robot, **changes)


def _long_inertia(value):
    return np.where(np.arange(3) == 0, 3 * value.max(), value)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"body_inertia": _long_inertia}, "inertias"),
        ({"body_subtreemass": lambda v: v * 0}, "masses"),
        ({"lower": np.full(11, 0.1)}, "joint limits"),
        ({"home_ctrl": np.full(11, 0.3)}, "servo torque at home"),
        ({"home_qpos": np.eye(18)[3] + np.eye(18)[2]}, "contact at home"),
        ({"upper": np.full(11, 40.0)}, "joint ranges"),
        ({"upper": load_robot("wildrobot").lower + 0.01}, "joint ranges"),
        ({"feet": SWAPPED}, "soles at home"),
    ],
)
def test_unhealthy_model_is_found(changes, name):
    checks = {check.name: check for check in check_model(broken(**changes))}
    assert not checks[name].passed
    assert checks[name].measured and checks[name].expected


def _sole(**changes):
    def edit(spec):
        for name, value in changes.items():
            setattr(spec.site("left_sole"), name, value)

    return edit


@pytest.mark.parametrize(
    ("edit", "found"),
    [
        (_sole(pos=[0.025, 0.0, -0.015]), "tilted by 0.0 deg, 44.9 and -0.1 mm above the floor"),
        (_sole(quat=[0.0, 1.0, 0.0, 0.0]), "tilted by 180.0 deg"),
    ],
)
def test_sole_that_is_not_under_the_foot_is_found(edit, found):
    checks = {check.name: check for check in check_model(load_robot("wildrobot").variant(edit))}
    assert not checks["soles at home"].passed
    assert found in checks["soles at home"].measured


@pytest.mark.parametrize(("lift", "found"), [(0.173, "above"), (-0.02, "in")])
def test_home_off_the_floor_is_told_how_far(lift, found):
    home = load_robot("wildrobot").home_qpos.copy()
    home[2] += lift
    checks = {check.name: check for check in check_model(broken(home_qpos=home))}
    measured = checks["contact at home"].measured
    moved = float(re.search(r"root by (\S+) m", measured)[1])
    assert f" mm {found} the floor: " in measured
    assert moved == pytest.approx(-lift, abs=2e-4)


def test_servos_count_once_the_robot_has_settled():
    robot = load_robot("wildrobot")
    idle = dataclasses.replace(robot, home_ctrl=robot.home_qpos[robot.qpos_ids])
    checks = {check.name: check for check in check_model(idle)}
    assert re.match(r"[1-9]\d*% of the limit", checks["servo torque at home"].measured)
