"""The environment that a bundle's policy was trained in, out of the configuration it carries."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from wildrobot_cli.config.environment import EnvConfig
from wildrobot_cli.config.loader import read_yaml, validate
from wildrobot_cli.errors import ConfigError
from wildrobot_cli.runtime.bundle import Bundle

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
    return validate(EnvConfig, document.data["env"], f"{source}: env")
