"""The log of a run on a robot: one row a control step, and every event with cause and time."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from wildrobot_cli.errors import EnvironmentUnavailable
from wildrobot_cli.runtime.estimator import Sensors
from wildrobot_cli.runtime.supervisor import Event, Mode, Order

ROWS, EVENTS = "log.npz", "events.jsonl"
MODES = tuple(Mode)
"""Modes by the number that the log has for them."""


class RunLog:
    """Rows in memory until `save`; events go to disk when `flush` is called, often."""

    def __init__(self, folder: Path, joints: int) -> None:
        """Make the log's folder.

        Raises:
            EnvironmentUnavailable: it cannot be made.
        """
        self.folder = folder
        self._nothing = np.full(joints, np.nan, np.float32)
        self._rows: list[tuple[Any, ...]] = []
        self._flushed = 0
        try:
            folder.mkdir(parents=True, exist_ok=False)
        except OSError as error:
            raise EnvironmentUnavailable(f"{folder}: cannot make it: {error.strerror}") from error

    def add(
        self, now: float, lateness: float, duration: float, sensors: Sensors | None, order: Order
    ) -> None:
        """Keep a control step. Times in seconds."""
        self._rows.append((now, lateness, duration, sensors, order))

    @property
    def last(self) -> tuple[Any, ...] | None:
        """The newest row, as it was added."""
        return self._rows[-1] if self._rows else None

    def flush(self, events: list[Event]) -> list[Event]:
        """Append events that are not on disk yet; return them.

        Raises:
            EnvironmentUnavailable: they cannot be written.
        """
        new = events[self._flushed :]
        if new:
            with self._writing(EVENTS) as path, path.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(event._asdict()) + "\n" for event in new)
        self._flushed += len(new)
        return new

    def save(self, document: Any) -> Path:
        """Write the rows, with the bundle's description; return the file.

        Raises:
            EnvironmentUnavailable: they cannot be written.
        """
        text = np.array(json.dumps(document))
        with self._writing(ROWS) as path:
            np.savez_compressed(path, description=text, **self.columns())  # type: ignore[arg-type]
        return path

    @contextmanager
    def _writing(self, name: str) -> Iterator[Path]:
        path = self.folder / name
        try:
            yield path
        except OSError as error:
            raise EnvironmentUnavailable(f"{path}: cannot write: {error.strerror}") from error

    def columns(self) -> dict[str, np.ndarray]:
        """Rows side by side; NaN stands for what a control step did not have. Shapes (T, ...)."""
        none, imu = self._nothing, (np.full(3, np.nan), np.full(4, np.nan))
        seen = [row[3] for row in self._rows]
        orders = [row[4] for row in self._rows]

        def table(values: list[np.ndarray]) -> np.ndarray:
            return np.array(values, np.float32).reshape(len(values), -1)

        return {
            "time": np.array([row[0] for row in self._rows]),
            "lateness": np.array([row[1] for row in self._rows]),
            "duration": np.array([row[2] for row in self._rows]),
            "tick": np.array([-1 if s is None else s.tick for s in seen]),
            "mode": np.array([MODES.index(order.mode) for order in orders]),
            "command": table([order.command for order in orders]),
            "gyro": table([imu[0] if s is None else s.gyro for s in seen]),
            "orientation": table([imu[1] if s is None else s.orientation for s in seen]),
            "encoders": table([none if s is None else s.encoders for s in seen]),
            "targets": table([none if o.targets is None else o.targets for o in orders]),
            "action": table([none if o.action is None else o.action for o in orders]),
        }
