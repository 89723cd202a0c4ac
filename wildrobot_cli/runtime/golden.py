"""The golden trace of a bundle: a recorded rollout that any runtime must reproduce."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.runtime.bundles.archives import read_arrays
from wildrobot_cli.runtime.bundles.bundle import GOLDEN, LARGEST, Bundle
from wildrobot_cli.runtime.bundles.description import Description
from wildrobot_cli.runtime.bundles.policy import OnnxPolicy, load
from wildrobot_cli.runtime.control.estimator import Estimator, Sensors
from wildrobot_cli.runtime.control.limits import TargetLimits

TOLERANCE = 1e-5
"""Largest difference of an observation, action or target that counts as the same."""
QUANTIZED_RMS = 0.05
"""Largest root mean square difference of the actions of a policy of 8 bits."""
KEYS = ("gyro", "orientation", "encoders", "command", "phase", "heading_target")
"""What the replay needs: sensors, commands, and what was remembered of clock and heading."""
RESULTS = ("observation", "action")
"""What it must reproduce; the targets follow from the action."""


def read_golden(bundle: Bundle) -> dict[str, np.ndarray]:
    """Read the trace, one row a control step.

    Raises:
        ConfigError: the bundle has none, or it is damaged, or not a trace of this policy.
    """
    if GOLDEN not in bundle.files:
        raise ConfigError(f"{bundle.path}: {GOLDEN} is missing")
    try:
        content = read_arrays(bundle.files[GOLDEN], LARGEST)
        trace = {name: content[name] for name in (*KEYS, *RESULTS)}
    except ConfigError as error:
        raise ConfigError(f"{bundle.path}: {GOLDEN}: {error}") from None
    except KeyError as error:
        raise ConfigError(f"{bundle.path}: {GOLDEN}: no array {error}") from None
    _check_shapes(bundle, trace)
    return trace


def _check_shapes(bundle: Bundle, trace: Mapping[str, np.ndarray]) -> None:
    """Raise `ConfigError` for rows that this policy cannot have."""
    joints, seen = len(bundle.description.joints.names), bundle.description.observation_size
    widths: dict[str, tuple[int, ...]]
    widths = {"gyro": (3,), "orientation": (4,), "encoders": (joints,), "command": (3,)}
    widths |= {"phase": (), "heading_target": (), "observation": (seen,), "action": (joints,)}
    steps = trace["command"].shape[0] if trace["command"].ndim else 0
    for name, width in widths.items():
        rows = trace[name]
        if steps == 0 or rows.shape != (steps, *width) or rows.dtype.kind != "f":
            expected = ", ".join(map(str, ("steps", *width)))
            raise ConfigError(
                f"{bundle.path}: {GOLDEN}: {name}: expected numbers of shape ({expected}), "
                f"got {rows.dtype} of shape {rows.shape}"
            )


@dataclass(frozen=True, eq=False)
class Replay:
    """How a runtime did on the trace."""

    differences: dict[str, float]
    """Largest absolute differences by name; see `RESULTS`. NaN where something is not a number."""
    places: dict[str, str]
    """Where each of them is: term or joint, and control step."""
    seconds: np.ndarray
    """Processor time of each control step, from sensors to safe targets [s]. Shape (T,)."""

    @property
    def passed(self) -> bool:
        """Whether everything is the same; what is not a number never is."""
        return all(gap <= TOLERANCE for gap in self.differences.values())


def replay(bundle: Bundle, policy: OnnxPolicy) -> Replay:
    """Feed the recorded sensors to the runtime, and compare what it sees and does.

    Clock and heading go on from what was recorded at the step before. Their sums would drift apart
    by the last bits: some processors round once in a product and a sum, others twice.
    """
    trace = read_golden(bundle)
    estimator, limits = Estimator(bundle.description), TargetLimits(bundle.description)
    expected = {**trace, "targets": _targets(bundle.description, trace["action"])}
    seen: dict[str, list[np.ndarray]] = {name: [] for name in (*RESULTS, "targets")}
    seconds, last = [], None
    for k, command in enumerate(trace["command"]):
        read_at = np.full(trace["encoders"].shape[1], k)
        imu = trace["gyro"][k], trace["orientation"][k]
        sensors = Sensors(*imu, trace["encoders"][k], read_at, k, np.zeros_like(read_at), k)
        if k == 0:
            estimator.start(sensors)
            estimator.recall(trace["phase"][0], trace["heading_target"][0])
        begin = time.thread_time()
        observation = estimator.observe(sensors, command)
        targets, action = policy(observation)
        last = limits(targets, last, sensors.encoders)
        estimator.recall(trace["phase"][k], trace["heading_target"][k])
        estimator.acted(action)
        seconds.append(time.thread_time() - begin)
        for name, value in zip(seen, (observation, action, targets), strict=True):
            seen[name].append(value)
    gaps = {name: np.abs(np.stack(rows) - expected[name]) for name, rows in seen.items()}
    names = {"observation": bundle.description.observation_names}
    places = {
        name: _place(gap, names.get(name, bundle.description.joints.names))
        for name, gap in gaps.items()
    }
    largest = {name: float(gap.max()) for name, gap in gaps.items()}
    return Replay(largest, places, np.array(seconds))


def quantized_gap(bundle: Bundle) -> float:
    """How far the policy of 8 bits is from what was recorded, on the recorded observations.

    Returns:
        Root mean square difference of its actions, or of its targets in units of actions where
        that is more; NaN where something is not a number.
    """
    trace, policy = read_golden(bundle), load(bundle, quantized=True)
    answers = [policy(seen) for seen in trace["observation"].astype(np.float32)]
    targets, actions = (np.stack(rows) for rows in zip(*answers, strict=True))
    apart = targets - _targets(bundle.description, trace["action"])
    gaps = actions - trace["action"], apart / bundle.description.action_scale
    return float(np.max([np.sqrt(np.mean(gap**2)) for gap in gaps]))


def check_golden(bundle: Bundle, quantized: bool = False) -> None:
    """Raise `ConfigError` when a bundle does not do what it did when it was exported.

    Its float policy always; the one of 8 bits, whose actions may differ by `QUANTIZED_RMS`, where
    that is asked for.
    """
    result = replay(bundle, load(bundle))
    for name, gap in result.differences.items():
        if not gap <= TOLERANCE:
            raise ConfigError(
                f"{bundle.path}: not the policy that was exported: golden {name} differs by "
                f"{gap:.2g} in {result.places[name]}"
            )
    if quantized and not (gap := quantized_gap(bundle)) <= QUANTIZED_RMS:
        raise ConfigError(
            f"{bundle.path}: not the policy of 8 bits that was exported: root mean square "
            f"difference of its golden actions {gap:.2g}, at most {QUANTIZED_RMS:g}"
        )


def _targets(description: Description, actions: np.ndarray) -> np.ndarray:
    """Joint targets that actions stand for, in the joints' ranges [rad]. Shape (T, n)."""
    wanted = description.joints.home_target + description.action_scale * actions
    return np.clip(wanted, description.joints.lower, description.joints.upper)


def _place(gap: np.ndarray, names: tuple[str, ...]) -> str:
    """Say where the largest difference is; the first NaN, if there is one. Shape (T, m)."""
    step, column = np.unravel_index(np.argmax(gap), gap.shape)
    return f"{names[column]}, step {step}"
