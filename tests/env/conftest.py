"""What the tests of the environment share."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import pytest
from puppet import SETTINGS, PuppetEngine

from wildrobot_cli import EnvConfig, WildRobotEnv


class Puppet(NamedTuple):
    """An environment on an engine without physics, configured by `puppet.SETTINGS`."""

    env: WildRobotEnv
    """Not compiled."""
    reset: Callable
    """Compiled: a key to a state."""
    step: Callable
    """Compiled: a state and an action to a state."""


@pytest.fixture(scope="session")
def puppet(robot) -> Puppet:
    config = EnvConfig.from_file("ppo.yaml", SETTINGS)
    env = WildRobotEnv(config, PuppetEngine(robot, config.control_period))
    return Puppet(env, jax.jit(env.reset), jax.jit(env.step))


@pytest.fixture
def start(puppet):
    """A puppet's state, standing at rest in the home pose."""
    return puppet.reset(jax.random.PRNGKey(0))
