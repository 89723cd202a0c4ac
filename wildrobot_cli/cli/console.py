"""Shared pieces of the command line's output: console, tables, JSON files."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from wildrobot_cli.errors import ConfigError, EnvironmentUnavailable
from wildrobot_cli.runtime.streams import GONE, drop_output
from wildrobot_cli.whole import check_name, whole


class _Output(Console):
    """A console whose reader may go away: hours of work end with no `| head` and no terminal."""

    def on_broken_pipe(self) -> None:
        """Write to nowhere from now on; Python itself, too, when it ends."""
        self.quiet = True
        drop_output()

    def _check_buffer(self) -> None:
        """Take a terminal that was closed for a broken pipe; Rich knows of the pipe alone."""
        try:
            super()._check_buffer()
        except OSError as error:
            if error.errno not in GONE:
                raise
            self.on_broken_pipe()


console: Console = _Output(highlight=False, markup=False, emoji=False)
"""Where results go, every letter as it is. Piped, it writes plain text without control codes."""


RESULTS = ({"passed"}, {"params_sha256", "eval"}, {"clips"})
"""Keys by which results are known: those of a verdict, of `train`, of `motion list`."""
SUMMARY = "summary.json"
"""What a run's folder holds of its training, beside `checkpoints`; see `RunFolder`."""


def duration(seconds: float) -> str:
    """Write a duration for people: `48 s`, `4 min 10 s`, `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def write_json(path: Path | None, data: Mapping[str, Any]) -> None:
    """Write results for machines, whole or not at all; nothing when `path` is None."""
    if path is None:
        return
    text = json.dumps(_standard(data), indent=2, allow_nan=False) + "\n"
    path = path.resolve()
    try:
        with whole(path) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
    except OSError as error:
        raise EnvironmentUnavailable(f"{path}: cannot write: {error.strerror}") from error


def _standard(value: Any) -> Any:
    """The same data, with null for what JSON has no number for."""
    if isinstance(value, Mapping):
        return {key: _standard(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_standard(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.tmp")


def check_json(path: Path | None, outside: Path | None = None) -> None:
    """Raise when results could not be written to `path`, before the work is done.

    Args:
        path: of the results.
        outside: a folder that they do not belong into.

    Raises:
        ConfigError: it is a folder, a device, in no folder, in that one, a run's own file, or a
            file of something else than results.
        EnvironmentUnavailable: the folder refuses.
    """
    if path is None:
        return
    check_name("--json", path)
    if outside is not None and path.resolve().is_relative_to(outside.resolve()):
        raise ConfigError(f"--json {path}: lies inside {outside}; choose a place outside of it")
    place = path.resolve()
    if place.name == SUMMARY and (place.parent / "checkpoints").is_dir():
        raise ConfigError(f"--json {path}: is the run's own; choose another name")
    if path.is_file() and not _holds_results(path):
        raise ConfigError(f"--json {path}: holds something else than results; remove it first")
    try:
        _beside(place).touch()
        _beside(place).unlink()
    except OSError as error:
        raise EnvironmentUnavailable(f"--json {path}: cannot write: {error.strerror}") from error


def _holds_results(path: Path) -> bool:
    """Whether a file may be replaced by results: it is empty, or holds those of a command."""
    try:
        text = path.read_text(encoding="utf-8").strip()
        content = json.loads(text or "{}")
    except (OSError, ValueError, RecursionError):
        return False
    known = isinstance(content, dict) and any(keys <= content.keys() for keys in RESULTS)
    return known or not text


def mark(passed: bool, rest: str = "") -> Text:
    """Whether something holds in one coloured word, and what is to stand behind it."""
    return Text.assemble(("passed", "green") if passed else ("FAILED", "red"), rest)


def show_table(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print a table; the first column is text, the others are figures."""
    table = Table(title=title, title_justify="left", title_style="bold")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def show_rows(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """Print a table of many columns without lines between them, to fit 80 characters."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.padding = (0, 0)
    for index, column in enumerate(columns):
        left = index == 0
        table.add_column(column, justify="left" if left else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    console.print(table)


@contextmanager
def stages() -> Iterator[Callable[[str], None]]:
    """Show which stage goes on: one changing line in a terminal, one line each in a pipe."""
    if not console.is_terminal:
        yield lambda stage: console.print(f"{stage} ...")
        return
    with console.status("") as status:
        yield lambda stage: status.update(Text(f"{stage} ..."))
