"""Metrics of a run: one place that feeds metrics.jsonl, TensorBoard and Weights & Biases.

metrics.jsonl is the truth. TensorBoard's events are written anew from it when a run goes on, so
that neither has a gap or a repeat.
"""

import json
import math
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from types import MappingProxyType, TracebackType
from typing import Any, Self

import numpy as np

from wildrobot_cli.errors import EnvironmentUnavailable
from wildrobot_cli.training.histograms import Histogram
from wildrobot_cli.training.run_folder import RunFolder, write_atomically
from wildrobot_cli.training.wandb_log import WandbLog

Line = dict[str, Any]


class MetricsLog:
    """Appends one line an iteration to metrics.jsonl, and the same to the others."""

    def __init__(self, run: RunFolder, env_steps: int, wandb: bool) -> None:
        """Open the log of a run that stands at `env_steps`; lines beyond that are dropped.

        Raises:
            EnvironmentUnavailable: the run folder cannot be written, or `wandb` not be reached.
        """
        self._path = run.metrics_file
        lines = list(_read(run))
        kept = [line for line in lines if line["env_steps"] <= env_steps]
        try:
            write_atomically(self._path, "".join(json.dumps(line) + "\n" for line in kept))
            self._file = self._path.open("a", encoding="utf-8")
            self._board = _Board(run)
            for line in kept:
                self._board.write(line)
        except OSError as error:
            raise EnvironmentUnavailable(f"{self._path}: cannot write: {error.strerror}") from error
        self._wandb = WandbLog(run, lines) if wandb else None

    def write(
        self,
        env_steps: int,
        metrics: Mapping[str, float],
        spreads: Mapping[str, Histogram] = MappingProxyType({}),
    ) -> None:
        """Log metrics at a number of control steps; what is not finite is written as null.

        Raises:
            EnvironmentUnavailable: the disk refuses, or the run folder is gone.
        """
        clean = {k: v if math.isfinite(v) else None for k, v in metrics.items()}
        line = {"env_steps": env_steps, "time": round(time.time(), 3), **clean, **spreads}
        try:
            if not os.fstat(self._file.fileno()).st_nlink:
                raise FileNotFoundError(0, "it was deleted")
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
            self._board.write(line)
        except OSError as error:
            raise EnvironmentUnavailable(f"{self._path}: cannot write: {error.strerror}") from error
        if self._wandb is not None:
            self._wandb.write(line)

    def __enter__(self) -> Self:
        """Return the open log."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close all of them; what a full disk did not take is lost already."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._board.close()
        if self._wandb is not None:
            self._wandb.close()


class _Board:
    """TensorBoard events, written at once: a writer in a thread of its own hides a full disk."""

    def __init__(self, run: RunFolder) -> None:
        from tensorboardX.event_file_writer import EventsWriter

        shutil.rmtree(run.tensorboard, ignore_errors=True)
        run.tensorboard.mkdir()
        self._writer = EventsWriter(str(run.tensorboard / "events"))

    def write(self, line: Line) -> None:
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.proto.summary_pb2 import HistogramProto, Summary

        values = [
            Summary.Value(tag=name, histo=HistogramProto(**_as_board_wants(value)))
            if isinstance(value, dict)
            else Summary.Value(tag=name, simple_value=value)
            for name, value in _values(line).items()
        ]
        event = Event(step=line["env_steps"], summary=Summary(value=values))
        event.wall_time = line["time"]
        self._writer.write_event(event)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


def _as_board_wants(spread: Histogram) -> dict[str, Any]:
    """Return a histogram as TensorBoard keeps it: upper edges, and moments of the bins' middles."""
    edges = np.linspace(spread["low"], spread["high"], len(spread["shares"]) + 1)
    middle, share = (edges[1:] + edges[:-1]) / 2, np.asarray(spread["shares"])
    return {
        "min": spread["low"],
        "max": spread["high"],
        "num": 1.0,
        "sum": float(middle @ share),
        "sum_squares": float(middle**2 @ share),
        "bucket_limit": edges[1:].tolist(),
        "bucket": share.tolist(),
    }


def _values(line: Line) -> dict[str, float | Histogram]:
    """Return the metrics of a line that have a value."""
    return {k: v for k, v in line.items() if k not in ("env_steps", "time") and v is not None}


def _read(run: RunFolder) -> Iterator[Line]:
    """Yield the lines of metrics.jsonl that are whole: a kill may cut the last one short."""
    if not run.metrics_file.is_file():
        return
    for text in run.metrics_file.read_text(encoding="utf-8").splitlines():
        with suppress(ValueError, KeyError, TypeError):
            line = json.loads(text)
            yield {**line, "env_steps": int(line["env_steps"]), "time": float(line["time"])}
