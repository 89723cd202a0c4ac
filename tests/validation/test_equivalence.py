"""What the gates of equivalence let through, judged without compiling MJX.

Candidates run on MuJoCo C, with a planted fault; the verdict is that of `prove_equivalence`.
"""

from dataclasses import replace

import jax
import pytest
from faults import FAULTS

from wildrobot_cli import EnvConfig, WildRobotEnv, load_robot
from wildrobot_cli.validation import equivalence
from wildrobot_cli.validation.equivalence import LEAST_CONTACT, prove_equivalence

SIZE = {"num_envs": 2, "num_steps": 10}


@pytest.fixture
def planted(monkeypatch):
    """Put MuJoCo C, with a fault or none, in the place of MJX."""

    def plant(fault=None):
        def build(config, engine, rounded):
            robot = load_robot(config.robot)
            if not rounded:
                servo = robot.servo.model_copy(update={"encoder_resolution": 0.0})
                robot = replace(robot, servo=servo)
            config = config.model_copy(update={"engine": "mujoco"})
            if engine == "mujoco" or fault is None:
                return WildRobotEnv(config, robot=robot)
            return fault.plant(config, robot)

        monkeypatch.setattr(equivalence, "_build", build)
        monkeypatch.setattr(equivalence, "FLOAT32_ENVS", 2)
        with jax.enable_x64(False):
            return prove_equivalence(EnvConfig.from_file("ppo.yaml"), precision="float32", **SIZE)

    return plant


SMALL = ["gravity 9.80", "one reward weight 1 % up", "one gain off by 1 %"]


@pytest.mark.long
@pytest.mark.parametrize("name", SMALL)
def test_small_faults_do_not_hide_in_single_precision(planted, name):
    found = planted(FAULTS[name])
    assert not found.passed
    assert found.boundaries[0].part == FAULTS[name].part
    assert FAULTS[name].hint in found.boundaries[0].hint


def test_equal_engines_pass_and_a_robot_in_the_air_does_not(planted, monkeypatch):
    assert planted().passed
    monkeypatch.setattr(equivalence, "LEAST_CONTACT", 1.1)
    found = planted()
    assert found.proof.contact > LEAST_CONTACT
    assert not found.passed
