"""From a configuration's engine choice to an engine."""

from importlib.util import find_spec

import jax

from wildrobot_cli.config.environment import EngineChoice, EngineName, EnvConfig
from wildrobot_cli.errors import ConfigError
from wildrobot_cli.physics.model import engine_model
from wildrobot_cli.physics.protocol import Engine, Impl
from wildrobot_cli.robot import Robot


def resolve_engine(choice: EngineChoice) -> EngineName:
    """Return the engine that `choice` means on this machine: `auto` is MuJoCo C on a CPU."""
    if choice == "auto":
        return "mjx" if jax.default_backend() == "gpu" else "mujoco"
    return choice


def resolve_impl(config: EnvConfig) -> Impl:
    """Return the implementation of MJX that the configuration means on this machine."""
    if config.mjx.impl != "auto":
        return config.mjx.impl
    nvidia = jax.default_backend() == "gpu" and find_spec("warp") is not None
    return "warp" if nvidia else "jax"


def check_batch(config: EnvConfig, num_envs: int) -> None:
    """Raise `ConfigError` for more simulations than the configured engine has room for."""
    if resolve_engine(config.engine) != "mjx" or resolve_impl(config) != "warp":
        return
    from wildrobot_cli.physics.mjx import WARP_WORLDS

    if num_envs > WARP_WORLDS:
        raise ConfigError(
            f"num_envs: {num_envs} environments; impl 'warp' has room for the contacts of "
            f"{WARP_WORLDS}: use fewer, or --impl jax"
        )


def make_engine(robot: Robot, config: EnvConfig) -> Engine:
    """Build the configured engine for a robot.

    Raises:
        EnvironmentUnavailable: the engine does not run here.
        ConfigError: the engine cannot simulate the robot.
    """
    name = resolve_engine(config.engine)
    settings = config.mujoco if name == "mujoco" else config.mjx
    model = engine_model(robot, config, settings)
    if name == "mujoco":
        from wildrobot_cli.physics.mujoco import MujocoEngine

        return MujocoEngine(model, robot.root_body, config.substeps, config.mujoco.threads)
    from wildrobot_cli.physics.mjx import MjxEngine

    return MjxEngine(model, robot.root_body, config.substeps, resolve_impl(config))
