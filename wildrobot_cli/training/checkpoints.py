"""Checkpoints: written whole or not at all, verified when read.

A checkpoint is a folder named by the control steps behind it. It holds two orbax trees, the
`policy` (what evaluation needs) and the `trainer` (the rest of the training state), and a
manifest with the robot, the array shapes, a checksum of every file, and how well the policy did.
"""

import errno
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from brax.training.types import UInt64

from wildrobot_cli.errors import EnvironmentUnavailable, RunError
from wildrobot_cli.training.checkpoint_list import MANIFEST, Score
from wildrobot_cli.whole import keep

POLICY, TRAINER = "policy", "trainer"
_OS_ERROR = re.compile(r"os_error_code='(\d+)'")


class DamagedCheckpoint(RunError):
    """A checkpoint is not what was written."""


def save(
    folder: Path,
    env_steps: int,
    policy: Any,
    trainer: Any,
    robot_fingerprint: str,
    score: Score | None = None,
) -> Path:
    """Write a checkpoint and return its folder; one of the same name is replaced.

    Until it is whole and on the disk it has another name, so that a kill, a full disk or a power
    cut leaves those before it as they were.

    Args:
        folder: that holds the run's checkpoints.
        env_steps: control steps behind it.
        policy: tree of arrays that evaluation needs.
        trainer: tree of arrays that training needs beside it.
        robot_fingerprint: of the robot that it is made for.
        score: how well the policy did; None when nobody looked.

    Raises:
        EnvironmentUnavailable: the disk refuses.
    """
    final = folder / f"{env_steps:012d}"
    partial = folder / f".writing-{final.name}"
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        manifest = {
            "env_steps": env_steps,
            "robot": robot_fingerprint,
            "score": None if score is None else asdict(score),
            "shapes": {POLICY: _shapes(policy), TRAINER: _shapes(trainer)},
            "sha256": _write_trees(partial, {POLICY: policy, TRAINER: trainer}),
        }
        (partial / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        _flush(partial)
        shutil.rmtree(final, ignore_errors=True)
        partial.rename(final)
        keep(folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise EnvironmentUnavailable(
            f"{final}: cannot save: {error.strerror or error}; what was saved before is whole"
        ) from error
    return final


def restore(checkpoint: Path, part: str, like: Any, robot_fingerprint: str) -> Any:
    """Read one part of a checkpoint, after verifying its files.

    Args:
        checkpoint: the checkpoint's folder.
        part: `policy` or `trainer`.
        like: a tree of arrays or `jax.ShapeDtypeStruct` with the expected structure.
        robot_fingerprint: of the robot that it is wanted for.

    Raises:
        DamagedCheckpoint: it is not what was written; the message names the file.
        RunError: it is of another robot or network shape.
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
    return _read_tree(checkpoint, part, like)


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
    raise DamagedCheckpoint(f"{checkpoint}: damaged checkpoint: {MANIFEST} is unreadable")


def _read_tree(checkpoint: Path, part: str, like: Any) -> Any:
    """Read a part whose files and description are as they were written."""
    target = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), like)
    try:
        with _checkpointer() as checkpointer:
            return checkpointer.restore((checkpoint / part).absolute(), target)
    except Exception as error:  # the format's own complaints are of many types, and long
        raise DamagedCheckpoint(
            f"{checkpoint}: damaged checkpoint: {part} is not what it says"
        ) from error


def _verify(checkpoint: Path, manifest: dict[str, Any], part: str) -> None:
    for name, expected in manifest["sha256"].items():
        if not name.startswith(f"{part}/"):
            continue
        path = checkpoint / name
        if not path.is_file():
            raise DamagedCheckpoint(f"{checkpoint}: damaged checkpoint: {name} is missing")
        if _sha256(path) != expected:
            raise DamagedCheckpoint(f"{checkpoint}: damaged checkpoint: {name} fails its checksum")


def _shapes(tree: Any) -> dict[str, str]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {
        jax.tree_util.keystr(path): f"{np.dtype(leaf.dtype).name}{list(leaf.shape)}"
        for path, leaf in leaves
    }


def _checkpointer() -> ocp.Checkpointer:
    """Orbax's reader and writer, for this process alone: of several, each has its own folder."""
    here = jax.process_index()
    alone = ocp.options.MultiprocessingOptions(
        primary_host=here, active_processes={here}, barrier_sync_key_prefix=f"process{here}"
    )
    handler = ocp.StandardCheckpointHandler(multiprocessing_options=alone)
    return ocp.Checkpointer(handler, multiprocessing_options=alone)


def _write_trees(folder: Path, trees: Mapping[str, Any]) -> dict[str, str]:
    """Write trees of arrays into a folder; return the checksum of every file."""
    try:
        with _checkpointer() as checkpointer:
            for name, tree in trees.items():
                checkpointer.save((folder / name).absolute(), _plain(tree))
    except OSError:
        raise
    except Exception as error:  # tensorstore's: a page of text with the system's code at its end
        code = _OS_ERROR.search(str(error))
        if code is None:
            raise OSError(errno.EIO, " ".join(str(error).split())[:200]) from error
        raise OSError(int(code[1]), os.strerror(int(code[1]))) from error
    return {str(path.relative_to(folder)): _sha256(path) for path in _files(folder)}


def _plain(tree: Any) -> Any:
    """NumPy's arrays alone. Brax's 64-bit counter, built anew, makes its halves JAX's again."""

    def one(node: Any) -> Any:
        if isinstance(node, UInt64):
            return {"hi": np.asarray(node.hi), "lo": np.asarray(node.lo)}
        return np.asarray(node)

    return jax.tree.map(one, tree, is_leaf=lambda node: isinstance(node, UInt64))


def _flush(folder: Path) -> None:
    """Have the disk hold a folder and all that is in it."""
    for path in (*folder.rglob("*"), folder):
        keep(path)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
