"""The configuration: its models, its loader, and where packaged files lie.

Importing it costs pydantic and PyYAML, nothing heavier.
"""

from wildrobot_cli.config.base import Model
from wildrobot_cli.config.environment import EnvConfig, Term
from wildrobot_cli.config.loader import dump, find, load, packaged, read_yaml, validate
from wildrobot_cli.config.resources import asset_dir, config_dir
from wildrobot_cli.config.schema import Config

__all__ = [
    "Config",
    "EnvConfig",
    "Model",
    "Term",
    "asset_dir",
    "config_dir",
    "dump",
    "find",
    "load",
    "packaged",
    "read_yaml",
    "validate",
]
