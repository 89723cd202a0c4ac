"""The log of a run on a robot: one row a control step, and every event with cause and time.

While the robot runs, rows are appended to a file of rows alone and handed to the disk each second:
a power cut leaves the log up to then, and `read_log` reads it. In the end they become one `.npz`.
"""

import errno
import json
import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from wildrobot_cli.errors import ConfigError, EnvironmentUnavailable
from wildrobot_cli.runtime.bundles.archives import read_arrays
from wildrobot_cli.runtime.bundles.description import Description
from wildrobot_cli.runtime.control.estimator import Sensors
from wildrobot_cli.runtime.control.supervisor import Event, Mode, Order
from wildrobot_cli.whole import keep, whole

ROWS, EVENTS = "log.npz", "events.jsonl"
UNFINISHED, HEADER = "rows.bin", "policy.json"
"""Rows of a run that has not ended, and the bundle's description that goes with them."""
SYNC = 1.0
"""Time between two hand-overs of rows to the disk [s]."""
BATCH = 50
"""Rows that are put into a table at a time: the loop waits for as long, however many there are."""
MODES = tuple(Mode)
"""Modes by the number that the log has for them."""

Row = tuple[float, float, float, Sensors | None, Order]


def row_type(joints: int) -> np.dtype:
    """What a row holds; NaN stands for what a control step did not have, as tick -1 does."""
    times = [(name, "<f8") for name in ("time", "lateness", "duration")]
    imu = [("command", "<f4", 3), ("gyro", "<f4", 3), ("orientation", "<f4", 4)]
    each = [(name, "<f4", joints) for name in ("encoders", "targets", "action")]
    return np.dtype([*times, ("tick", "<i8"), ("mode", "<i8"), *imu, *each])


class RunLog:
    """Takes rows from the loop's thread; another calls `flush`, often, and `save` in the end."""

    def __init__(self, folder: Path, description: Description) -> None:
        """Begin a log in a folder, which is made if need be.

        Raises:
            EnvironmentUnavailable: it cannot be written.
        """
        self.folder = folder
        self.last: Row | None = None
        """The newest row, as it was added."""
        self._type = row_type(len(description.joints.names))
        self._document = description.document
        self._fresh: deque[Row] = deque()
        self._unwritten: list[Row] = []
        self._written = 0
        self._flushed = 0
        self._flushed_bytes = 0
        self._due = 0.0
        with self._writing(HEADER):
            folder.mkdir(parents=True, exist_ok=True)
        self._append(HEADER, json.dumps(self._document).encode(), 0)

    def add(
        self, now: float, lateness: float, duration: float, sensors: Sensors | None, order: Order
    ) -> None:
        """Keep a control step. Times in seconds."""
        self.last = (now, lateness, duration, sensors, order)
        self._fresh.append(self.last)

    def flush(self, events: list[Event]) -> None:
        """Append events that are not on disk yet, and each second rows.

        Raises:
            EnvironmentUnavailable: they cannot be written.
        """
        new = events[self._flushed :]
        if new:
            lines = "".join(json.dumps(event._asdict()) + "\n" for event in new).encode()
            self._append(EVENTS, lines, self._flushed_bytes)
            self._flushed_bytes += len(lines)
            self._flushed += len(new)
        if time.monotonic() >= self._due:
            self._append_rows()
            self._due = time.monotonic() + SYNC

    def save(self) -> Path:
        """Write all rows, with the bundle's description, into one file; return it.

        Raises:
            EnvironmentUnavailable: they cannot be written; those on disk stay.
        """
        self._append_rows()
        text = np.array(json.dumps(self._document))
        with self._writing(ROWS) as path:
            with whole(path) as unfinished, unfinished.open("wb") as file:
                np.savez_compressed(file, description=text, **self.columns())  # type: ignore[arg-type]
                _hand_over(file)
            keep(self.folder)
            for name in (UNFINISHED, HEADER):
                (self.folder / name).unlink()
        return path

    def columns(self) -> dict[str, np.ndarray]:
        """Rows on disk and those to come, side by side. Shapes (T, ...)."""
        to_come = self._table([*self._unwritten, *self._fresh])
        rows = np.concatenate([_read_rows(self.folder, self._type), to_come])
        return {name: rows[name] for name in self._type.names or ()}

    def _append_rows(self) -> None:
        """Append the rows that are there; the loop may add more meanwhile."""
        self._unwritten += [self._fresh.popleft() for _ in range(len(self._fresh))]
        rows, count = self._unwritten, BATCH
        tables = [self._table(rows[at : at + count]) for at in range(0, len(rows), count)]
        data = b"".join(table.tobytes() for table in tables)
        self._append(UNFINISHED, data, self._written)
        self._written += len(data)
        self._unwritten = []

    def _append(self, name: str, data: bytes, after: int) -> None:
        """Append to a file, `after` so many bytes: what a full disk cut off there is dropped."""
        with self._writing(name) as path, path.open("ab") as file:
            if os.fstat(file.fileno()).st_size < after:
                raise OSError(errno.EIO, "somebody else cut it or replaced it")
            file.truncate(after)
            file.write(data)
            _hand_over(file)
            if not after:
                keep(self.folder)

    @contextmanager
    def _writing(self, name: str) -> Iterator[Path]:
        path = self.folder / name
        try:
            yield path
        except OSError as error:
            raise EnvironmentUnavailable(f"{path}: cannot write: {error.strerror}") from error

    def _table(self, rows: Any) -> np.ndarray:
        return np.array([_flat(row) for row in rows], self._type)


def _hand_over(file: IO[bytes]) -> None:
    """Have a file's content on the disk."""
    file.flush()
    os.fsync(file.fileno())


def _flat(row: Row) -> tuple[Any, ...]:
    """A row's values in the order of `row_type`."""
    now, lateness, duration, sensors, order = row
    none = np.nan
    imu = (none, none, none) if sensors is None else (sensors.gyro, sensors.orientation)
    seen = (none, none, none) if sensors is None else (*imu, sensors.encoders)
    did = tuple(none if value is None else value for value in (order.targets, order.action))
    tick = -1 if sensors is None else sensors.tick
    return (now, lateness, duration, tick, MODES.index(order.mode), order.command, *seen, *did)


def is_log(folder: Path) -> bool:
    """Whether a folder is the log of a run on a robot, ended or cut off."""
    return any((folder / name).is_file() for name in (ROWS, UNFINISHED))


def read_log(folder: Path) -> tuple[dict[str, np.ndarray], Any]:
    """Read a log's rows, shapes (T, ...), and the content of its bundle's `policy.json`.

    Raises:
        ConfigError: it does not read.
    """
    try:
        if (folder / ROWS).is_file():
            columns = read_arrays((folder / ROWS).read_bytes())
            return columns, json.loads(str(columns.pop("description")))
        document = json.loads((folder / HEADER).read_text(encoding="utf-8"))
        rows = _read_rows(folder, row_type(len(document["joints"]["names"])))
        return {name: rows[name] for name in rows.dtype.names or ()}, document
    except (ConfigError, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(f"{folder}: not a readable log: {error}") from None


def _read_rows(folder: Path, type_: np.dtype) -> np.ndarray:
    """Read the whole rows of a run that has not ended; a power cut may have torn the last one."""
    file = folder / UNFINISHED
    data = file.read_bytes() if file.is_file() else b""
    return np.frombuffer(data, type_, len(data) // type_.itemsize)


def read_events(folder: Path) -> list[dict[str, Any]]:
    """Read a log's events; a last line that a power cut tore is left out.

    Raises:
        ConfigError: they do not read.
    """
    try:
        lines = (folder / EVENTS).read_text(encoding="utf-8").splitlines(keepends=True)
        events = [json.loads(line) for line in lines if line.endswith("\n")]
        return [{"cause": event["cause"], **event} for event in events]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigError(f"{folder}: not a readable log: {EVENTS}: {error}") from None


@contextmanager
def log_folder(asked: Path | None, bundle: Path) -> Iterator[Path]:
    """Make the folder of a log, `asked` or named after the time; keep it if something is in it.

    Raises:
        ConfigError: `asked` is there already, or the folder would lie inside the bundle.
        EnvironmentUnavailable: it cannot be made.
    """
    first = asked or Path("robot-logs") / time.strftime("%Y%m%d-%H%M%S")
    if bundle.is_dir() and first.resolve().is_relative_to(bundle.resolve()):
        raise ConfigError(f"--log {first}: lies inside the bundle; choose a place outside of it")
    made = [parent for parent in first.parents if not parent.exists()]
    folder = _make(first, only=asked is not None)
    try:
        yield folder
    finally:
        for empty in (folder, *made):
            try:
                empty.rmdir()
            except OSError:
                break


def _make(first: Path, only: bool) -> Path:
    """Make a folder of this name, or of the first free one after it."""
    folder, count = first, 1
    try:
        first.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentUnavailable(f"{first.parent}: not a folder: {error.strerror}") from error
    while True:
        try:
            folder.mkdir()
            return folder
        except FileExistsError:
            if only:
                raise ConfigError(f"--log {first}: exists already") from None
            count += 1
            folder = first.with_name(f"{first.name}-{count}")
        except OSError as error:
            raise EnvironmentUnavailable(f"{folder}: cannot make it: {error.strerror}") from error
