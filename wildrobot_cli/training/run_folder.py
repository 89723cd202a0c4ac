"""A run on disk: its configuration, metrics and checkpoints, in one folder."""

import json
import os
import platform
import re
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from wildrobot_cli.config.loader import dump
from wildrobot_cli.config.schema import Config
from wildrobot_cli.errors import EnvironmentUnavailable, RunError, suggest
from wildrobot_cli.runtime.bundles.bundle import CHECKSUMS
from wildrobot_cli.runtime.log import is_log
from wildrobot_cli.training.records import read_record
from wildrobot_cli.whole import whole

_PACKAGES = ("wildrobot", "jax", "jaxlib", "mujoco", "mujoco-mjx", "brax", "flax", "optax", "numpy")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class RunFolder:
    """Paths inside a run folder."""

    path: Path
    """The folder."""

    @property
    def name(self) -> str:
        """The run's name."""
        return self.path.name

    @property
    def config_file(self) -> Path:
        """The resolved configuration; loads as any other."""
        return self.path / "config.yaml"

    @property
    def provenance_file(self) -> Path:
        """Versions, commit, engine, device."""
        return self.path / "provenance.json"

    @property
    def metrics_file(self) -> Path:
        """One JSON object a line, one line an iteration."""
        return self.path / "metrics.jsonl"

    @property
    def summary_file(self) -> Path:
        """How the training went."""
        return self.path / "summary.json"

    @property
    def report_file(self) -> Path:
        """The page of pictures that `eval --report` writes."""
        return self.path / "report.html"

    @property
    def lock_file(self) -> Path:
        """Locked by the process that trains here; says which one it is."""
        return self.path / "lock.json"

    @property
    def tensorboard(self) -> Path:
        """Folder of the TensorBoard events."""
        return self.path / "tensorboard"

    @property
    def wandb_file(self) -> Path:
        """The run's identity on Weights & Biases, if it has one."""
        return self.path / "wandb.json"

    @property
    def faults(self) -> Path:
        """Folder of the dumps of failed simulations."""
        return self.path / "faults"

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints, one folder each, named by control steps."""
        return self.path / "checkpoints"

    @property
    def config(self) -> Config:
        """The run's configuration."""
        return Config.from_file(self.config_file)

    @property
    def engine(self) -> str | None:
        """Name of the engine that it was trained on; None where nothing says so."""
        return read_record(self.provenance_file).get("engine")


def create_run(root: Path, name: str, config: Config, provenance: dict[str, Any]) -> RunFolder:
    """Make a new run folder with its configuration.

    Raises:
        RunError: the name is unfit or taken.
        EnvironmentUnavailable: the folder cannot be written.
    """
    check_new_run(root, name)
    run = RunFolder(root / name)
    header = "".join(f"# {key}: {json.dumps(value)}\n" for key, value in provenance.items())
    try:
        run.checkpoints.mkdir(parents=True)
        write_atomically(run.config_file, header + dump(config))
        write_atomically(run.provenance_file, json.dumps(provenance, indent=2) + "\n")
    except OSError as error:
        raise EnvironmentUnavailable(f"{run.path}: cannot write: {error.strerror}") from error
    return run


def check_new_run(root: Path, name: str) -> None:
    """Raise `RunError` when a run of this name cannot be made in `root`."""
    if not _NAME.fullmatch(name):
        raise RunError(f"run name {name!r}: expected letters, digits, '.', '_' and '-'")
    if (root / name).exists():
        raise RunError(f"run '{name}' already exists in {root}/; choose another --run name")


def open_run(path: Path) -> RunFolder:
    """Open an existing run folder.

    Raises:
        RunError: there is none at `path`, or it is not one.
    """
    if _is_run(path):
        return RunFolder(path)
    if not path.exists():
        near = [*path.parent.glob("*"), *path.parent.glob("runs/*")]
        runs = [place for place in near if _is_run(place)]
        named = [place for place in runs if place.name == path.name] or runs
        raise RunError(f"{path}: no such run{suggest(str(path), map(str, named))}")
    raise RunError(f"{path}: not a run folder{_instead_of(path)}")


def _is_run(path: Path) -> bool:
    run = RunFolder(path)
    return run.config_file.is_file() and run.checkpoints.is_dir()


def _instead_of(path: Path) -> str:
    """Say what to do with a path that is no run."""
    if path.suffix == ".zip" or (path / CHECKSUMS).is_file():
        return f" but a bundle; run it with: wildrobot run {path}"
    inside = sorted(path.iterdir()) if path.is_dir() else []
    found = [other for other in inside if (other / "checkpoints").is_dir() or is_log(other)]
    if found:
        return f"; did you mean '{found[-1]}', the last of {len(found)} in it?"
    return "; expected config.yaml and checkpoints/ in it"


def describe_machine(seed: int, engine: str, device: str, reproducible: bool) -> dict[str, Any]:
    """What a run's figures depend on, seed included, beside the rest of its configuration."""
    return {
        "versions": {name: _version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "git_commit": _git_commit(),
        "seed": seed,
        "engine": engine,
        "device": device,
        "same_seed_gives_same_parameters": reproducible,
    }


def write_atomically(path: Path, text: str) -> None:
    """Write a text file so that a reader sees the old one or the new one, never a part.

    Raises:
        OSError: the disk refuses; the old file is as it was.
    """
    with whole(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """Commit of the checkout that this package is part of, None where it is installed."""
    here = Path(__file__)
    if _git(here.parent, "ls-files", "--error-unmatch", here.name) is None:
        return None  # a stranger's checkout, with this package in its .venv
    return _git(here.parent, "describe", "--always", "--dirty", "--abbrev=40")


def _git(folder: Path, *arguments: str) -> str | None:
    """What git answers about a folder; None where it refuses, or there is none."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
