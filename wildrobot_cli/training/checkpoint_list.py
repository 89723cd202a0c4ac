"""The checkpoints of a run: which there are, how well each did, and which of them are kept.

Needs nothing but the disk: that a checkpoint is not there can be said before JAX is imported.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from wildrobot_cli.errors import RunError, suggest

MANIFEST = "manifest.json"
"""What a checkpoint says of itself."""


@dataclass(frozen=True)
class Score:
    """How a policy did in a few short rollouts."""

    success_rate: float
    """Share of rollouts without a failure, in 0..1."""
    velocity_error: float
    """Mean distance of the velocity from the commanded one [m/s]."""

    @property
    def key(self) -> tuple[float, float]:
        """Larger is better: staying up first, then following the command."""
        return self.success_rate, -self.velocity_error


def prune(folder: Path, keep: int) -> None:
    """Delete all but the newest `keep` checkpoints and the best."""
    found = list_checkpoints(folder)
    best = best_checkpoint(folder)
    for path in found[:-keep]:
        if path != best:
            shutil.rmtree(path, ignore_errors=True)
    for leftover in folder.glob(".writing-*"):
        shutil.rmtree(leftover, ignore_errors=True)


def list_checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints in a folder, oldest first; damaged ones are among them."""
    named = (path for path in folder.glob("[0-9]*") if path.name.isdecimal())
    return sorted(path for path in named if path.is_dir())


def best_checkpoint(folder: Path) -> Path | None:
    """Return the checkpoint with the highest score, the newest of equals; None without scores."""
    scored = [(score, path) for path in list_checkpoints(folder) if (score := read_score(path))]
    return max(scored, default=(None, None), key=lambda pair: (pair[0].key, pair[1]))[1]


def read_score(checkpoint: Path) -> Score | None:
    """Return how well a checkpoint's policy did; None when nobody looked, or it is damaged."""
    try:
        return Score(**json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))["score"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def find_checkpoint(folder: Path, name: str | None) -> Path:
    """Return a checkpoint by its number of control steps, or the `best`, or the `latest`.

    Args:
        folder: that holds the run's checkpoints.
        name: one of these; None is the latest.

    Raises:
        RunError: there is no such checkpoint.
    """
    found = list_checkpoints(folder)
    if not found:
        raise RunError(f"{folder}: no checkpoint in it")
    if name in (None, "latest"):
        return found[-1]
    if name == "best":
        best = best_checkpoint(folder)
        if best is None:
            raise RunError(f"{folder}: no checkpoint has a score; use --checkpoint latest")
        return best
    for path in found:
        if name in (path.name, str(int(path.name))):
            return path
    names = ["best", "latest", *(str(int(path.name)) for path in found)]
    raise RunError(f"{folder}: no checkpoint '{name}'{suggest(str(name), names)}")


def checkpoint_of_other(name: str | None) -> str | None:
    """Which checkpoint of another run goes with one of a run: `best` with `best`, else the newest.

    A number of control steps means nothing in another run.
    """
    return name if name == "best" else None


def set_aside(checkpoint: Path) -> Path:
    """Rename a damaged checkpoint, so that nothing takes it for a whole one; return its folder."""
    aside = checkpoint.with_name(f"damaged-{checkpoint.name}")
    shutil.rmtree(aside, ignore_errors=True)
    return checkpoint.rename(aside)
