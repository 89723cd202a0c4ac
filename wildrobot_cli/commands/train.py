"""`wildrobot train`: train into a run folder, then evaluate."""

import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from wildrobot_cli.config.schema import Config
from wildrobot_cli.evaluation.evaluate import Evaluation, evaluate
from wildrobot_cli.training.run_folder import RunFolder
from wildrobot_cli.training.trainer import Progress, TrainingResult, train, write_summary

VERIFY = (
    "ppo.mujoco.num_envs=64",
    "ppo.mjx.num_envs=64",
    "ppo.steps=4000",
    "eval.episodes=4",
    "env.episode_length=2.0",
)
"""Overrides that make a run of seconds."""


@dataclass(frozen=True)
class Callbacks:
    """What a display is told."""

    training: Callable[[Progress], None]
    """After every iteration."""
    evaluation: Callable[[str, float], None]
    """As the evaluation goes on: scenario, share done."""


def train_and_evaluate(
    config: Config,
    runs: Path,
    name: str | None,
    max_minutes: float | None,
    callbacks: Callbacks,
) -> tuple[TrainingResult, Evaluation]:
    """Train a new run, evaluate its last checkpoint, and write both into `summary.json`."""
    limit = math.inf if max_minutes is None else max_minutes
    result = train(config, runs, name, callbacks.training, limit)
    run = RunFolder(Path(result.run))
    evaluation = evaluate(run, config=config, on_progress=callbacks.evaluation)
    result = replace(result, eval=evaluation.scenarios)
    write_summary(run, result)
    return result, evaluation


def verify(config: Config, callbacks: Callbacks) -> tuple[TrainingResult, Evaluation]:
    """Do all of it at a small size, in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="wildrobot-verify-") as folder:
        return train_and_evaluate(config, Path(folder), "verify", None, callbacks)
