"""Checkpoints: written whole or not at all, verified when read.

A checkpoint is a folder named by the control steps behind it. It holds two orbax trees, the
`policy` (what evaluation needs) and the `trainer` (the rest of the training state), and a
manifest with the robot, the array shapes and a checksum of every file.
"""

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from wildrobot_cli.errors import EnvironmentUnavailable, RunError, suggest

MANIFEST = "manifest.json"
POLICY, TRAINER = "policy", "trainer"


def save(
    folder: Path, env_steps: int, policy: Any, trainer: Any, robot_fingerprint: str, keep: int
) -> Path:
    """Write a checkpoint and drop the oldest beyond `keep`; return its folder.

    Raises:
        EnvironmentUnavailable: the disk refuses.
    """
    final = folder / f"{env_steps:012d}"
    partial = folder / f".writing-{final.name}"
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        with ocp.StandardCheckpointer() as checkpointer:
            checkpointer.save((partial / POLICY).absolute(), policy)
            checkpointer.save((partial / TRAINER).absolute(), trainer)
        manifest = {
            "env_steps": env_steps,
            "robot": robot_fingerprint,
            "shapes": {POLICY: _shapes(policy), TRAINER: _shapes(trainer)},
            "sha256": {str(p.relative_to(partial)): _sha256(p) for p in _files(partial)},
        }
        (partial / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        shutil.rmtree(final, ignore_errors=True)
        partial.rename(final)
    except OSError as error:
        raise EnvironmentUnavailable(f"{final}: cannot save: {error.strerror}") from error
    for old in list_checkpoints(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def list_checkpoints(folder: Path) -> list[Path]:
    """Return the whole checkpoints in a folder, oldest first."""
    return sorted(path for path in folder.glob("[0-9]*") if (path / MANIFEST).is_file())


def find_checkpoint(folder: Path, name: str | None) -> Path:
    """Return a checkpoint by its number of control steps; the newest when `name` is None.

    Raises:
        RunError: there is no such checkpoint.
    """
    found = list_checkpoints(folder)
    if not found:
        raise RunError(f"{folder}: no checkpoint in it")
    if name is None:
        return found[-1]
    for path in found:
        if name in (path.name, str(int(path.name))):
            return path
    names = [str(int(path.name)) for path in found]
    raise RunError(f"{folder}: no checkpoint '{name}'{suggest(name, names)}")


def restore(checkpoint: Path, part: str, like: Any, robot_fingerprint: str) -> Any:
    """Read one part of a checkpoint, after verifying its files.

    Args:
        checkpoint: the checkpoint's folder.
        part: `policy` or `trainer`.
        like: a tree of arrays or `jax.ShapeDtypeStruct` with the expected structure.
        robot_fingerprint: of the robot that it is wanted for.

    Raises:
        RunError: it is damaged, or of another robot or network shape.
    """
    manifest = _read_manifest(checkpoint)
    _verify(checkpoint, manifest, part)
    if manifest["robot"] != robot_fingerprint:
        raise RunError(f"{checkpoint}: made for another robot (its MJCF or robot YAML differs)")
    wanted, found = _shapes(like), manifest["shapes"][part]
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            raise RunError(
                f"{checkpoint}: of another shape: {part}{name} is {found.get(name)} in the "
                f"checkpoint, {wanted.get(name)} by the configuration"
            )
    target = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), like)
    with ocp.StandardCheckpointer() as checkpointer:
        return checkpointer.restore((checkpoint / part).absolute(), target)


def params_sha256(trees: Iterable[Any]) -> str:
    """Checksum of the bytes of all arrays, in tree order."""
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(list(trees)):
        digest.update(np.ascontiguousarray(leaf).tobytes())
    return digest.hexdigest()


def _read_manifest(checkpoint: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))
        if {"robot", "shapes", "sha256"} <= manifest.keys():
            return manifest
    except (OSError, ValueError, AttributeError):
        pass
    raise RunError(f"{checkpoint}: damaged checkpoint: {MANIFEST} is unreadable")


def _verify(checkpoint: Path, manifest: dict[str, Any], part: str) -> None:
    for name, expected in manifest["sha256"].items():
        if not name.startswith(f"{part}/"):
            continue
        path = checkpoint / name
        if not path.is_file():
            raise RunError(f"{checkpoint}: damaged checkpoint: {name} is missing")
        if _sha256(path) != expected:
            raise RunError(f"{checkpoint}: damaged checkpoint: {name} fails its checksum")


def _shapes(tree: Any) -> dict[str, str]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {
        jax.tree_util.keystr(path): f"{np.dtype(leaf.dtype).name}{list(leaf.shape)}"
        for path, leaf in leaves
    }


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
