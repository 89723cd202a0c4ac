"""wildrobot: from a small legged robot's model to a policy that walks on its servos.

The public Python API; the command line is a thin user of it. Names are imported when first
used, so that `import wildrobot_cli` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wildrobot_cli.config.environment import EnvConfig
    from wildrobot_cli.config.schema import Config
    from wildrobot_cli.env.environment import WildRobotEnv
    from wildrobot_cli.env.wrappers import wrap_for_training
    from wildrobot_cli.errors import WildRobotError
    from wildrobot_cli.evaluation.evaluate import Evaluation, evaluate
    from wildrobot_cli.export.export import export_bundle
    from wildrobot_cli.export.job import Export
    from wildrobot_cli.robot import Robot, load_robot
    from wildrobot_cli.training.progress import Progress
    from wildrobot_cli.training.result import TrainingResult
    from wildrobot_cli.training.trainer import resume, train

_HOMES = {
    "Config": "config.schema",
    "EnvConfig": "config.environment",
    "Evaluation": "evaluation.evaluate",
    "Export": "export.job",
    "Progress": "training.progress",
    "Robot": "robot",
    "TrainingResult": "training.result",
    "WildRobotEnv": "env.environment",
    "WildRobotError": "errors",
    "evaluate": "evaluation.evaluate",
    "export_bundle": "export.export",
    "load_robot": "robot",
    "resume": "training.trainer",
    "train": "training.trainer",
    "wrap_for_training": "env.wrappers",
}

__all__ = [  # noqa: F822  (resolved by __getattr__)
    "Config",
    "EnvConfig",
    "Evaluation",
    "Export",
    "Progress",
    "Robot",
    "TrainingResult",
    "WildRobotEnv",
    "WildRobotError",
    "evaluate",
    "export_bundle",
    "load_robot",
    "resume",
    "train",
    "wrap_for_training",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Import a public name when it is first used."""
    if name in _HOMES:
        return getattr(import_module(f"wildrobot_cli.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'wildrobot_cli' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
