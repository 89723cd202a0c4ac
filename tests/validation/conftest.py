"""A small environment, built in double precision."""

import jax
import pytest

from wildrobot_cli import EnvConfig, WildRobotEnv, load_robot

SETTINGS = (
    "env.engine=mujoco",
    *(f"env.mujoco.{s}" for s in ("iterations=20", "ls_iterations=20", "tolerance=1e-12")),
)


@pytest.fixture(scope="module", autouse=True)
def double():
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def config():
    return EnvConfig.from_file("ppo.yaml", SETTINGS)


@pytest.fixture(scope="module")
def reference(config, double):
    return WildRobotEnv(config, robot=load_robot("wildrobot"))
