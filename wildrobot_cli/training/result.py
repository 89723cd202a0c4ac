"""How a training went, in memory and on disk."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from wildrobot_cli.errors import EnvironmentUnavailable
from wildrobot_cli.training.records import read_record
from wildrobot_cli.training.run_folder import RunFolder, write_atomically


@dataclass(frozen=True)
class TrainingResult:
    """How a training went; `summary.json` holds the same."""

    run: str
    """The run's folder."""
    env_steps: int
    """Control steps done, since the run began."""
    new_steps: int
    """Control steps of this call, whose times follow: a run that is resumed has had others."""
    wall_s: float
    """From the call to the end, building and compiling included [s]."""
    train_s: float
    """In iterations alone [s]."""
    compile_s: float
    """In compiling [s]."""
    env_steps_per_s: float
    """Control steps per second of `train_s`."""
    engine: str
    """Physics engine."""
    device: str
    """What JAX ran on."""
    params_sha256: str
    """Checksum of policy, value and normaliser; with AMP, of discriminator and its normaliser."""
    reproducible: bool
    """Whether the same seed, configuration and machine give the same parameters to the bit."""
    finished: bool
    """Whether all steps were done; False when `max_minutes` ended it."""
    eval: Mapping[str, Any] = field(default_factory=dict)
    """Evaluation results by scenario."""


def read_summary(run: RunFolder) -> TrainingResult | None:
    """Return what `summary.json` says; None where it is missing or damaged."""
    try:
        return TrainingResult(**read_record(run.summary_file))
    except TypeError:
        return None


def write_summary(run: RunFolder, result: TrainingResult) -> None:
    """Write `summary.json` into the run folder.

    Raises:
        EnvironmentUnavailable: the disk refuses.
    """
    try:
        write_atomically(run.summary_file, json.dumps(asdict(result), indent=2) + "\n")
    except OSError as error:
        raise EnvironmentUnavailable(
            f"{run.summary_file}: cannot write: {error.strerror}"
        ) from error
