"""Terms named in YAML: what does not fit is refused before anything runs, in exact words."""

import dataclasses

import pytest

from wildrobot_cli import EnvConfig, WildRobotEnv
from wildrobot_cli.config.environment import ObservationTerm, RewardTerm, TerminationTerm
from wildrobot_cli.env import privileged, rewards, terminations
from wildrobot_cli.env.terms import bind, check_names
from wildrobot_cli.errors import ConfigError
from wildrobot_cli.runtime.observing import observations


def refusal(robot, terms, registry=rewards.TERMS, path="env.rewards") -> str:
    """The message that refuses some terms."""
    with pytest.raises(ConfigError) as error:
        bind(registry, terms, path, robot)
    return str(error.value)


def test_bound_term_has_its_parameters(robot):
    terms = {
        "joint_speed_l2": RewardTerm(weight=-1.0, above=5.0),
        "joint_deviation_l2": RewardTerm(weight=-1.0, group="lateral"),
        "alive": RewardTerm(weight=2.0),
    }
    bound = bind(rewards.TERMS, terms, "env.rewards", robot)
    assert list(bound) == list(terms)
    assert bound["joint_speed_l2"].keywords == {"above": 5.0}
    assert bound["joint_deviation_l2"].keywords == {"group": "lateral"}
    assert bound["alive"] is rewards.alive


def test_unknown_term(robot):
    message = refusal(robot, {"tilt_12": RewardTerm(weight=1.0)})
    assert message == "env.rewards.tilt_12: no such term; did you mean 'tilt_l2'?"


def test_unknown_term_with_no_near_name_lists_the_valid_ones(robot):
    message = refusal(robot, {"qqq": TerminationTerm()}, terminations.TERMS, "env.terminations")
    assert message == "env.terminations.qqq: no such term; valid: tilted, too_low"


def test_unknown_parameter(robot):
    message = refusal(robot, {"track_velocity": RewardTerm(weight=1.0, sigma=0.1, sgima=0.2)})
    assert message == "env.rewards.track_velocity.sgima: unknown key; did you mean 'sigma'?"


def test_misspelt_scale(robot):
    terms = {"root_height": ObservationTerm(scael=2.0)}
    message = refusal(robot, terms, privileged.TERMS, "env.privileged")
    assert message == "env.privileged.root_height.scael: unknown key; did you mean 'scale'?"


def test_missing_parameter(robot):
    message = refusal(robot, {"track_velocity": RewardTerm(weight=1.0)})
    assert message == "env.rewards.track_velocity.sigma: missing; expected a number"
    message = refusal(robot, {"joint_deviation_l2": RewardTerm(weight=1.0)})
    assert message == "env.rewards.joint_deviation_l2.group: missing; expected a name"


@pytest.mark.parametrize("value", ["wide", True, None, [0.1], float("inf")])
def test_parameter_that_is_no_number(robot, value):
    message = refusal(robot, {"track_velocity": RewardTerm(weight=1.0, sigma=value)})
    assert message == f"env.rewards.track_velocity.sigma: expected a number, got {value!r}"


@pytest.mark.parametrize("value", [0, -0.1])
def test_width_that_is_not_positive(robot, value):
    message = refusal(robot, {"track_velocity": RewardTerm(weight=1.0, sigma=value)})
    assert message == (
        f"env.rewards.track_velocity.sigma: expected a number greater than 0, got {value}"
    )


def test_group_that_is_no_name(robot):
    message = refusal(robot, {"joint_deviation_l2": RewardTerm(weight=1.0, group=3)})
    assert message == "env.rewards.joint_deviation_l2.group: expected a name, got 3"


def test_group_that_the_robot_lacks(robot):
    message = refusal(robot, {"joint_deviation_l2": RewardTerm(weight=1.0, group="laterel")})
    assert message == (
        "env.rewards.joint_deviation_l2.group: robot 'wildrobot' has no joint group 'laterel'; "
        "did you mean 'lateral'?"
    )


def test_robot_without_groups_is_told_what_to_do(robot):
    terms = {"joint_deviation_l2": RewardTerm(weight=1.0, group="lateral")}
    message = refusal(dataclasses.replace(robot, groups={}), terms)
    assert message.endswith(
        "has no joint group 'lateral'; name it under groups in its YAML, or leave the term out: "
        "env.rewards.joint_deviation_l2=null"
    )


def test_integers_are_numbers(robot):
    bind(rewards.TERMS, {"track_velocity": RewardTerm(weight=1, sigma=1)}, "env.rewards", robot)


def test_unknown_observation_term():
    with pytest.raises(ConfigError) as error:
        check_names(observations.TERMS, {"giro": ObservationTerm()}, "env.observations")
    assert str(error.value) == "env.observations.giro: no such term; did you mean 'gyro'?"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "env.rewards.alive={weight: 1.0, sigma: 2.0}",
            "env.rewards.alive.sigma: unknown key; valid: weight",
        ),
        (
            "env.terminations.tilted={limit: high}",
            "env.terminations.tilted.limit: expected a number, got 'high'",
        ),
        (
            "env.terminations.too_low.limit=0.48",
            "env.terminations.too_low.limit: expected less than 0.477 m, at which robot "
            "'wildrobot' stands, got 0.48; try 0.30",
        ),
        (
            "env.privileged.root_hight={}",
            "env.privileged.root_hight: no such term; did you mean 'root_height'?",
        ),
        (
            "env.observations.gyroo={}",
            "env.observations.gyroo: no such term; did you mean 'gyro'?",
        ),
        (
            "env.observations.gyro={scael: 2.0}",
            "env.observations.gyro.scael: unknown key; did you mean 'scale'?",
        ),
    ],
)
def test_environment_refuses_what_does_not_fit(override, message):
    config = EnvConfig.from_file("ppo.yaml", (override,))
    with pytest.raises(ConfigError) as error:
        WildRobotEnv(config)
    assert str(error.value) == message
