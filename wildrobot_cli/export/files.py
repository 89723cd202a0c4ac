"""The files of a bundle: their bytes, their folder and zip, and how they become public."""

import io
import json
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.runtime.bundles.bundle import CHECKSUMS, checksums, is_bundle, read_files
from wildrobot_cli.training.run_folder import RunFolder

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Date of every file in a zip: the same export gives the same bytes."""


def as_json(document: Mapping[str, Any]) -> bytes:
    """JSON text whose numbers read back exactly."""
    return (json.dumps(document, indent=2, allow_nan=False) + "\n").encode()


def as_npz(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Compressed arrays."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def write_bundle(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a bundle's folder with its checksums, and the zip beside it."""
    folder.mkdir()
    files = {**files, CHECKSUMS: checksums(dict(files)).encode()}
    with zipfile.ZipFile(zip_of(folder), "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            (folder / name).write_bytes(files[name])
            archive.writestr(zipfile.ZipInfo(f"{folder.name}/{name}", _EPOCH), files[name])


def zip_of(folder: Path) -> Path:
    """The zip that goes with a bundle's folder."""
    return folder.with_name(f"{folder.name}.zip")


def bundle_folder(run: RunFolder, out: Path | None) -> Path:
    """Where a run's bundle goes."""
    return out or run.path / "bundle"


def check_target(folder: Path) -> None:
    """Raise `ConfigError` when a bundle cannot go there.

    Another bundle is replaced, and its zip, when each of their files is still as it was written:
    nothing of anybody else's is ever overwritten or removed.
    """
    if not folder.parent.is_dir():
        raise ConfigError(f"--out {folder}: no such folder: {folder.parent}")
    if folder.name in ("", ".", ".."):
        raise ConfigError(f"--out {folder}: expected a name for the bundle's folder")
    if is_bundle(folder.parent):
        raise ConfigError(f"--out {folder}: lies inside a bundle; choose another place")
    for place in (folder, zip_of(folder)):
        if place.is_symlink():
            raise ConfigError(f"--out {folder}: {place} is a link; choose another place")
        if not place.exists():
            continue
        try:
            read_files(place)
        except ConfigError as error:
            raise ConfigError(
                f"--out {folder}: exists and is no bundle alone ({error}); choose another place"
            ) from None


def publish(aside: Path, target: Path) -> None:
    """Put a bundle written aside, on the same disk, in its place: whole, and never half.

    What is there is set aside first, and put back when something fails. A signal may end the
    program right after a move, or right before it, so what was moved is found by looking.

    Raises:
        OSError: the disk refused; everything is as it was.
    """
    moves = [*_moves(aside, target), *_moves(zip_of(aside), zip_of(target))]
    try:
        for before, now in moves:
            os.rename(before, now)
    except BaseException:
        for before, now in reversed(moves):
            if not before.exists():
                os.rename(now, before)
        raise


def _moves(new: Path, place: Path) -> list[tuple[Path, Path]]:
    """From where to where, in turn."""
    old = new.with_name(f"replaced-{place.name}")
    return [(place, old), (new, place)] if place.exists() else [(new, place)]


def readme(document: Mapping[str, Any]) -> str:
    """Tell a robot's owner what is in the folder and how to use it."""
    joints, training = document["joints"], document["training"]
    terms = "\n".join(
        "| {name} | {slice[0]}..{slice[1]} | {history} | {unit} | {scale} | {frame} |".format(
            **term
        )
        for term in document["observation"]
    )
    names = "forward [m/s]", "leftward [m/s]", "turning [rad/s]"
    ranges = zip(
        names, document["commands"]["lowest"], document["commands"]["highest"], strict=True
    )
    commands = "\n".join(f"- {name}: {low} to {high}" for name, low, high in ranges)
    return _README.format(
        **document,
        int8=_INT8_ROW if document["quantized"] else "",
        count=len(joints["names"]),
        steps=training["env_steps"],
        terms=terms,
        ranges=commands,
    )


_INT8_ROW = "| policy_int8.onnx | the same in 8 bits: `--int8` runs it |\n"
_README = """# Policy bundle {name}

A policy for the robot `{robot[name]}` ({count} joints), trained for {steps:,} control steps. It was
proved before it was written here: onnxruntime against JAX, the golden trace, and the closed loop
against the training environment.

Run it from another folder, with the path of this one for BUNDLE: nothing is ever written in here.

    wildrobot run BUNDLE --forward {commands[highest][0]:g}       # on a simulated robot
    python -m wildrobot_cli.runtime BUNDLE   # check it where only numpy and onnxruntime are
    sha256sum --check SHA256SUMS             # in here

| file | what it is |
| --- | --- |
| policy.onnx | raw observation in, `joint_targets` [rad] and the `action` behind them out |
| policy.json | joints, gains, limits, home pose, observation, commands, safety limits, origin |
| golden.npz | a recorded rollout that any runtime must reproduce |
| config.yaml | the configuration it was trained with |

Every {control_period} s: read the sensors, build the observation, run the model, write the targets.

| observation | places | earlier steps | unit | scale | frame |
| --- | --- | --- | --- | --- | --- |
{terms}

Commands that it was trained for:

{ranges}
"""
