"""The gates that a bundle must hold before it is published."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from wildrobot_cli.errors import WildRobotError
from wildrobot_cli.evaluation.metrics import progress
from wildrobot_cli.evaluation.trajectory import Trajectory
from wildrobot_cli.export.traces import Trace
from wildrobot_cli.runtime.golden import TOLERANCE

OBSERVATIONS = 2000
"""Observations that onnxruntime and JAX are compared on."""
ROLLOUTS = 32
"""Rollouts of the closed loop."""
FOLLOWED = "loop.npz"
"""What the closed loop writes."""
FREE_STEPS = 10
"""Control steps for which a free-running loop must follow closely."""
FREE_TOLERANCE = 1e-4
"""Largest difference of a position in them [m, rad]."""
TIES = 0.1
"""Share of rollouts in which rounding may turn an encoder's count within `FREE_STEPS`."""
DISTANCE = 0.02
"""Largest relative difference of the mean distance."""
QUANTIZED_DISTANCE = 0.05
"""Largest relative difference of the mean distance of a policy of 8 bits."""


class Kind(StrEnum):
    """What it says of a bundle when a gate fails."""

    STEP = "step"
    """In one control step it does something else than was trained: the bundle differs."""
    FREE = "free"
    """Left to itself it goes another way. Where each step is the same, the policy is unsteady."""
    INT8 = "int8"
    """The policy of 8 bits is too coarse."""


@dataclass(frozen=True)
class Gate:
    """One thing that was to hold."""

    name: str
    """What."""
    found: float
    """The figure."""
    limit: float
    """What it may be at most."""
    kind: Kind = Kind.STEP
    """What it means when it fails."""
    where: str = ""
    """Where the figure was found, or what it was made of."""

    @property
    def passed(self) -> bool:
        """Whether it held; what is not a number does not."""
        return self.found <= self.limit

    def as_json(self) -> dict[str, Any]:
        """For results files."""
        return {**asdict(self), "passed": self.passed}


def sample(observations: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Draw observations: half of them seen in rollouts, half corners of their range.

    Args:
        observations: seen ones. Shape (T, N, d).
        count: how many to draw.
        seed: of the draw.

    Returns:
        Shape (count, d), float32.
    """
    rng = np.random.default_rng(seed)
    seen = observations.reshape(-1, observations.shape[-1])
    drawn = seen[rng.integers(len(seen), size=count - count // 2)]
    corners = rng.integers(2, size=(count // 2, seen.shape[1])).astype(bool)
    return np.concatenate([drawn, np.where(corners, seen.max(axis=0), seen.min(axis=0))])


def gaps(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Absolute differences; infinite where a number is missing on one side. Shape as theirs."""
    with np.errstate(invalid="ignore"):
        gap = np.abs(np.asarray(ours, np.float64) - np.asarray(theirs, np.float64))
    return np.where(np.isfinite(gap), gap, np.inf)


def largest_gap(name: str, gap: np.ndarray, columns: Sequence[str], limit: float) -> Gate:
    """Return the gate of a largest difference, which says where it is.

    Args:
        name: of the gate.
        gap: differences. Shape (T, N, m) of rollouts, or (B, m) of single observations.
        columns: what the m numbers are called.
        limit: what it may be at most.
    """
    *rows, column = np.unravel_index(np.argmax(gap), gap.shape)
    place = "rollout {1}, step {0}" if len(rows) == 2 else "observation {0}"
    where = f"{columns[int(column)]}, {place.format(*rows)}"
    return Gate(name, float(gap.max()), limit, where=where)


def run_closed_loop(bundle: Path, trace: Trace, work: Path) -> dict[str, Trace]:
    """Follow a trace without JAX, a share of the rollouts in a process on each core.

    Returns:
        Rows by kind: `forced`, `free`, ...

    Raises:
        WildRobotError: a process failed.
    """
    count = trace["command"].shape[1]
    shares = np.array_split(np.arange(count), min(count, os.cpu_count() or 1))
    folders = [work / f"share-{number}" for number in range(len(shares))]
    processes: list[subprocess.Popen[str]] = []
    try:
        for folder, share in zip(folders, shares, strict=True):
            part = {name: rows[:, share] for name, rows in trace.items()}
            processes.append(_follow(bundle, part, folder))
        for process in processes:
            _, said = process.communicate()
            if process.returncode:
                lines = said.strip().splitlines() or ["no message"]
                raise WildRobotError(f"the closed loop did not run: {lines[-1]}")
    finally:
        for process in processes:
            process.kill()
            process.wait()
    parts = [_arrays(folder / FOLLOWED) for folder in folders]
    results: dict[str, Trace] = {}
    for name in parts[0]:
        kind, _, row = name.partition("/")
        results.setdefault(kind, {})[row] = np.concatenate([part[name] for part in parts], axis=1)
    return results


def _follow(bundle: Path, trace: Trace, folder: Path) -> "subprocess.Popen[str]":
    """Begin to follow some rollouts, in a process of their own."""
    folder.mkdir()
    given, taken = folder / "trace.npz", folder / FOLLOWED
    np.savez(given, **trace)  # type: ignore[arg-type]
    module = "wildrobot_cli.simulated.closed_loop"
    command = [sys.executable, "-m", module, str(bundle), str(given), str(taken)]
    silence = subprocess.DEVNULL
    return subprocess.Popen(command, stdout=silence, stderr=subprocess.PIPE, text=True)


def _arrays(file: Path) -> Trace:
    with np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def forced_gates(
    trace: Trace, forced: Trace, alive: np.ndarray, columns: Mapping[str, Sequence[str]]
) -> list[Gate]:
    """Hold each control step alone against the environment's, from its state and targets.

    The runtime must see the same observation, act the same and write the same targets; the physics
    must go to the same position under the environment's targets. So a difference is one of this
    very step: were the targets the runtime's own, contact would return their last bits magnified.

    Args:
        trace: what the environment did.
        forced: what the runtime did; see `simulated.closed_loop`.
        alive: whether a rollout had not fallen after each step. Shape (T, N).
        columns: what the numbers of `observation`, `action`, `targets` and `qpos` are called.
    """
    until_fall = np.concatenate([np.ones_like(alive[:1]), alive[:-1]])[..., None]
    rows = {name: (forced[name], trace[name]) for name in ("observation", "action", "targets")}
    rows["qpos"] = (forced["qpos"][1:], trace["qpos"][1:])
    names = {name: name for name in rows} | {"qpos": "position"}
    return [
        largest_gap(
            f"teacher-forced {names[row]}",
            np.where(until_fall, gaps(ours, theirs), 0.0),
            columns[row],
            TOLERANCE,
        )
        for row, (ours, theirs) in rows.items()
    ]


def free_gates(trace: Trace, free: Trace, columns: Sequence[str]) -> list[Gate]:
    """On its own from the same start: the same way, until an encoder's rounding decides.

    `columns` says what the numbers of a position are called.
    """
    steps = min(FREE_STEPS, len(trace["action"]))
    turned = np.abs(free["encoders"][:steps] - trace["encoders"][:steps]).max(axis=-1) > TOLERANCE
    same = np.cumsum(turned, axis=0) == 0
    gap = gaps(free["qpos"][1 : steps + 1], trace["qpos"][1 : steps + 1])
    gap = np.where(same[..., None], gap, 0.0)
    position = f"free-running position, first {steps} steps"
    share = f"{int((~same[-1]).sum())} of {same.shape[1]} rollouts"
    turned_share = float(1 - same[-1].mean())
    return [
        replace(largest_gap(position, gap, columns, FREE_TOLERANCE), kind=Kind.FREE),
        Gate("share of rollouts with a turned encoder count", turned_share, TIES, Kind.FREE, share),
    ]


def outcome_gates(
    reference: Trajectory, free: Trajectory, distance: float = DISTANCE
) -> list[Gate]:
    """Over whole rollouts: as many falls, and as far."""
    far, reached = float(progress(reference).mean()), float(progress(free).mean())
    count, there, here = len(free.fell), int(reference.fell.sum()), int(free.fell.sum())
    trained, ours = "in the training environment", "on the runtime"
    falls = f"{there} of {count} rollouts fell {trained}, {here} {ours}"
    ways = f"{far:.2f} m {trained}, {reached:.2f} m {ours}"
    apart = abs(reached - far) / max(abs(far), 1e-9)
    return [
        Gate("difference in falls", float(abs(here - there)), 0.0, Kind.FREE, falls),
        Gate("relative difference in distance", apart, distance, Kind.FREE, ways),
    ]


def verdict(gates: Sequence[Gate]) -> str:
    """Say what the gates that failed mean: a bundle that differs, or a policy that is unsteady."""
    kinds = {gate.kind for gate in gates if not gate.passed}
    if Kind.STEP in kinds:
        return "the bundle differs: in one control step it does something else than was trained"
    if Kind.FREE in kinds:
        falls = " ".join(gate.where for gate in gates if gate.name == "difference in falls")
        return (
            "the bundle does in each control step what was trained; the policy is unsteady: "
            f"{falls}, and free runs go apart; train it longer, or choose another --checkpoint"
        )
    return "the policy of 8 bits differs; export without --quantize" if kinds else ""
