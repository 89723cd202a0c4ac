"""The environment that a bundle's policy was trained in, out of the configuration it carries."""

import tempfile
from pathlib import Path

from wildrobot_cli.config.environment import EnvConfig
from wildrobot_cli.config.loader import read_yaml, validate
from wildrobot_cli.runtime.bundle import Bundle

CONFIG = "config.yaml"
"""Name of the configuration's file in a bundle."""


def simulation_config(bundle: Bundle) -> EnvConfig:
    """Read the environment's part alone: a bundle outlives changes of the others.

    Raises:
        ConfigError: naming the key path, what was expected and what was found.
    """
    source = f"{bundle.path}: {CONFIG}"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / CONFIG
        file.write_bytes(bundle.files[CONFIG])
        document = read_yaml(file, source)
    return validate(EnvConfig, document.data.get("env", {}), f"{source}: env")
