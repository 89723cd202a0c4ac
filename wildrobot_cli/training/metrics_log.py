"""Metrics of a run: one place that feeds metrics.jsonl and TensorBoard."""

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from wildrobot_cli.errors import EnvironmentUnavailable
from wildrobot_cli.training.run_folder import write_atomically


class MetricsLog:
    """Appends one line an iteration to metrics.jsonl, and the same to TensorBoard events."""

    def __init__(self, metrics_file: Path) -> None:
        """Open the log; TensorBoard events go beside `metrics_file`."""
        from tensorboardX import SummaryWriter

        self._path = metrics_file
        self._file = metrics_file.open("a", encoding="utf-8")
        self._board = SummaryWriter(str(metrics_file.parent / "tensorboard"), flush_secs=10)

    @staticmethod
    def rewind(metrics_file: Path, env_steps: int) -> None:
        """Drop the lines beyond `env_steps`: they will be written again by a resumed run."""
        kept = []
        for line in metrics_file.read_text(encoding="utf-8").splitlines():
            with suppress(ValueError, KeyError, TypeError):  # a line cut short by a kill
                if json.loads(line)["env_steps"] <= env_steps:
                    kept.append(line)
        write_atomically(metrics_file, "".join(f"{line}\n" for line in kept))

    def write(self, env_steps: int, metrics: Mapping[str, float]) -> None:
        """Log metrics at a number of control steps; what is not finite is written as null."""
        clean = {k: v if math.isfinite(v) else None for k, v in metrics.items()}
        try:
            self._file.write(json.dumps({"env_steps": env_steps, **clean}) + "\n")
            self._file.flush()
        except OSError as error:
            raise EnvironmentUnavailable(f"{self._path}: cannot write: {error.strerror}") from error
        for name, value in clean.items():
            if value is not None:
                self._board.add_scalar(name, value, env_steps)

    def __enter__(self) -> Self:
        """Return the open log."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close both files."""
        self._file.close()
        self._board.close()
