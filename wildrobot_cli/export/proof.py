"""The gates that a bundle must hold before it is published."""

import subprocess
import sys
from dataclasses import asdict, dataclass
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
FREE_STEPS = 10
"""Control steps for which a free-running loop must follow closely."""
FREE_TOLERANCE = 1e-4
"""Largest difference of a position in them [m, rad]."""
TIES = 0.1
"""Share of rollouts in which rounding may turn an encoder's count within `FREE_STEPS`."""
DISTANCE = 0.02
"""Largest relative difference of the mean distance."""
QUANTIZED_RMS = 0.05
"""Root mean square difference of a quantized policy's actions on observations seen."""
QUANTIZED_DISTANCE = 0.05
"""Largest relative difference of its mean distance."""


@dataclass(frozen=True)
class Gate:
    """One thing that was to hold."""

    name: str
    """What."""
    found: float
    """The figure."""
    limit: float
    """What it may be at most."""

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


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Largest absolute difference; infinite where a number is missing on one side."""
    with np.errstate(invalid="ignore"):
        gap = np.abs(np.asarray(ours, np.float64) - np.asarray(theirs, np.float64))
    return float(np.max(np.where(np.isfinite(gap), gap, np.inf), initial=0.0))


def run_closed_loop(bundle: Path, trace: Trace, work: Path) -> dict[str, Trace]:
    """Follow a trace in a process without JAX; return its rows by kind: `forced`, `free`, ...

    Raises:
        WildRobotError: the process failed.
    """
    given, taken = work / "trace.npz", work / "loop.npz"
    np.savez(given, **trace)  # type: ignore[arg-type]
    module = "wildrobot_cli.simulated.closed_loop"
    command = [sys.executable, "-m", module, str(bundle), str(given), str(taken)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise WildRobotError(f"the closed loop did not run: {lines[-1]}")
    results: dict[str, Trace] = {}
    with np.load(taken, allow_pickle=False) as file:
        for name in file.files:
            kind, _, row = name.partition("/")
            results.setdefault(kind, {})[row] = file[name]
    return results


def forced_gates(trace: Trace, forced: Trace, alive: np.ndarray) -> list[Gate]:
    """From the same state at each step: the same observation, action and next position."""
    seen = {name: (forced[name], trace[name]) for name in ("observation", "action")}
    seen["position"] = (forced["qpos"][1:], trace["qpos"][1:])
    until_fall = np.concatenate([np.ones_like(alive[:1]), alive[:-1]])
    return [
        Gate(f"teacher-forced {name}", difference(a[until_fall], b[until_fall]), TOLERANCE)
        for name, (a, b) in seen.items()
    ]


def free_gates(trace: Trace, free: Trace) -> list[Gate]:
    """On its own from the same start: the same way, until an encoder's rounding decides."""
    steps = min(FREE_STEPS, len(trace["action"]))
    turned = np.abs(free["encoders"][:steps] - trace["encoders"][:steps]).max(axis=-1) > TOLERANCE
    same = np.cumsum(turned, axis=0) == 0
    gap = difference(free["qpos"][1 : steps + 1][same], trace["qpos"][1 : steps + 1][same])
    return [
        Gate(f"free-running position, first {steps} steps", gap, FREE_TOLERANCE),
        Gate("share of rollouts with a turned encoder count", float(1 - same[-1].mean()), TIES),
    ]


def outcome_gates(
    reference: Trajectory, free: Trajectory, distance: float = DISTANCE
) -> list[Gate]:
    """Over whole rollouts: as many falls, and as far."""
    far, reached = float(progress(reference).mean()), float(progress(free).mean())
    falls = abs(int(reference.fell.sum()) - int(free.fell.sum()))
    return [
        Gate("difference in falls", float(falls), 0.0),
        Gate("relative difference in distance", abs(reached - far) / max(abs(far), 1e-9), distance),
    ]
