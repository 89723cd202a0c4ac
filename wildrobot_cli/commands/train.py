"""`wildrobot train`: train into a run folder, then evaluate."""

import math
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from wildrobot_cli.config.schema import Config
from wildrobot_cli.evaluation.evaluate import Evaluation, evaluate
from wildrobot_cli.training import devices
from wildrobot_cli.training.progress import Progress
from wildrobot_cli.training.result import TrainingResult, write_summary
from wildrobot_cli.training.run_folder import RunFolder
from wildrobot_cli.training.signals import Interrupted
from wildrobot_cli.training.trainer import resume, train

Done = tuple[TrainingResult, Evaluation | None]
"""How a training went, and what its policy does; the latter in process 0 alone."""

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
    wandb: bool = False,
) -> Done:
    """Train a new run, evaluate its last checkpoint, and write both into `summary.json`."""
    with _together():
        result = train(config, runs, name, callbacks.training, _limit(max_minutes), wandb)
    return _evaluated(result, callbacks)


def resume_and_evaluate(
    run: Path, max_minutes: float | None, callbacks: Callbacks, wandb: bool | None = None
) -> Done:
    """Go on with a run, then do as `train_and_evaluate`."""
    with _together():
        result = resume(run, callbacks.training, _limit(max_minutes), wandb)
    return _evaluated(result, callbacks)


def verify(config: Config, callbacks: Callbacks, wandb: bool = False) -> Done:
    """Do all of it at a small size, in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="wildrobot-verify-") as folder:
        return train_and_evaluate(config, Path(folder), "verify", None, callbacks, wandb)


@contextmanager
def _together() -> Iterator[None]:
    """What all processes do; they part when it is done, or was asked to stop.

    Process 0 evaluates alone: the others would wait for it in vain at their end, and give up.
    """
    try:
        yield
    except Interrupted:
        devices.part()
        raise
    devices.part()


def _evaluated(result: TrainingResult, callbacks: Callbacks) -> Done:
    """Evaluate, in the one process that has a run folder."""
    if not devices.leads():
        return result, None
    run = RunFolder(Path(result.run))
    evaluation = evaluate(run, on_progress=callbacks.evaluation)
    result = replace(result, eval=evaluation.scenarios)
    write_summary(run, result)
    return result, evaluation


def _limit(max_minutes: float | None) -> float:
    return math.inf if max_minutes is None else max_minutes
