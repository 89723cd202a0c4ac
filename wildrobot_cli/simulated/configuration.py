"""The environment that a bundle's policy was trained in, out of the configuration it carries.

`config.yaml` says how to simulate, `policy.json` what the runtime does: they must say the same.
"""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from wildrobot_cli.config.environment import EnvConfig
from wildrobot_cli.config.loader import read_yaml, validate
from wildrobot_cli.errors import ConfigError
from wildrobot_cli.robot import Robot
from wildrobot_cli.runtime.bundles.bundle import DESCRIPTION, Bundle
from wildrobot_cli.runtime.bundles.description import Description

CONFIG = "config.yaml"
"""Name of the configuration's file in a bundle."""


def simulation_config(bundle: Bundle) -> EnvConfig:
    """Read the environment's part alone: a bundle outlives changes of the others.

    Raises:
        ConfigError: naming the key path, what was expected and what was found.
    """
    source = f"{bundle.path}: {CONFIG}"
    if CONFIG not in bundle.files:
        raise ConfigError(f"{source}: missing; a simulated robot is built by it")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / CONFIG
        file.write_bytes(bundle.files[CONFIG])
        document = read_yaml(file, source)
    if not isinstance(document.data, Mapping) or "env" not in document.data:
        raise ConfigError(f"{source}: env: missing")
    config = validate(EnvConfig, document.data["env"], f"{source}: env")
    check_same(bundle.description, config, source)
    return config


def check_same(description: Description, config: EnvConfig, source: str) -> None:
    """Raise `ConfigError` where a configuration is not the one that a policy was trained with."""
    for key in ("control_period", "action_scale"):
        told, found = getattr(description, key), getattr(config, key)
        if told != found:
            raise ConfigError(
                f"{source}: env.{key}: expected {told:g} as in {DESCRIPTION}, got {found:g}"
            )


def check_same_servos(description: Description, robot: Robot, source: str) -> None:
    """Raise `ConfigError` where a robot's servos are not those that a policy was trained on."""
    joints = description.joints
    for key in ("kp", "torque_limit", "damping"):
        told, found = getattr(joints, key), getattr(robot, key)
        if told.shape == found.shape and np.array_equal(told, found):
            continue
        index = int(np.argmax(told != found)) if told.shape == found.shape else 0
        raise ConfigError(
            f"{source}: joint '{joints.names[index]}': {key} {told[index]:g} in {DESCRIPTION}, "
            f"{found[index]:g} on the robot '{robot.name}'"
        )
