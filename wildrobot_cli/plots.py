"""Plots: what they may be called, and their files."""

from pathlib import Path
from typing import Any

from wildrobot_cli.errors import EnvironmentUnavailable
from wildrobot_cli.whole import check_name, whole

FORMATS = (".pdf", ".png", ".svg")
"""What a plot is written as, by file name."""
DPI = 110
"""Pixels per inch, where a format has pixels."""


def check_plot(path: Path) -> None:
    """Raise when a plot could not be written to `path`, before the work is done.

    Raises:
        ConfigError: it is not the name of a picture, or in no folder.
        EnvironmentUnavailable: matplotlib is missing.
    """
    check_name("--plot", path, FORMATS)
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise EnvironmentUnavailable(
            "--plot needs matplotlib: pip install 'wildrobot[plots]'"
        ) from None


def save_plot(path: Path, figure: Any) -> None:
    """Write a matplotlib figure, whole or not at all.

    Raises:
        EnvironmentUnavailable: the disk refuses.
    """
    try:
        with whole(path) as unfinished:
            figure.savefig(unfinished, format=path.suffix.lower().removeprefix("."), dpi=DPI)
    except OSError as error:
        raise EnvironmentUnavailable(f"{path}: cannot write: {error.strerror}") from error
