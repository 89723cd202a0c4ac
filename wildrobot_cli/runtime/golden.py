"""The golden trace of a bundle: a recorded rollout that any runtime must reproduce."""

import io
import time
from dataclasses import dataclass

import numpy as np

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.runtime.bundle import GOLDEN, Bundle
from wildrobot_cli.runtime.estimator import Estimator, Sensors
from wildrobot_cli.runtime.limits import TargetLimits
from wildrobot_cli.runtime.policy import OnnxPolicy

TOLERANCE = 1e-5
"""Largest difference of an observation, action or target that counts as the same."""
KEYS = ("gyro", "orientation", "encoders", "command", "phase", "heading_target")
"""What the replay needs: sensors, commands, and the memory at the start."""
RESULTS = ("observation", "action")
"""What it must reproduce; the targets follow from the action."""


def read_golden(bundle: Bundle) -> dict[str, np.ndarray]:
    """Read the trace, one row a control step.

    Raises:
        ConfigError: the bundle has none, or it is damaged.
    """
    if GOLDEN not in bundle.files:
        raise ConfigError(f"{bundle.path}: {GOLDEN} is missing")
    try:
        with np.load(io.BytesIO(bundle.files[GOLDEN]), allow_pickle=False) as file:
            return {name: file[name] for name in (*KEYS, *RESULTS)}
    except (ValueError, KeyError, OSError) as error:
        raise ConfigError(f"{bundle.path}: {GOLDEN} does not read: {error}") from None


@dataclass(frozen=True, eq=False)
class Replay:
    """How a runtime did on the trace."""

    differences: dict[str, float]
    """Largest absolute differences by name; see `RESULTS`. NaN where something is not a number."""
    seconds: np.ndarray
    """Processor time of each control step, from sensors to safe targets [s]. Shape (T,)."""

    @property
    def passed(self) -> bool:
        """Whether everything is the same; what is not a number never is."""
        return all(gap <= TOLERANCE for gap in self.differences.values())


def replay(bundle: Bundle, policy: OnnxPolicy) -> Replay:
    """Feed the recorded sensors to the runtime, and compare what it sees and does."""
    trace = read_golden(bundle)
    estimator, limits = Estimator(bundle.description), TargetLimits(bundle.description)
    joints = bundle.description.joints
    wanted = joints.home_target + bundle.description.action_scale * trace["action"]
    expected = {**trace, "targets": np.clip(wanted, joints.lower, joints.upper)}
    seen: dict[str, list[np.ndarray]] = {name: [] for name in (*RESULTS, "targets")}
    seconds, last = [], None
    for k, command in enumerate(trace["command"]):
        read_at = np.full(trace["encoders"].shape[1], k)
        imu = trace["gyro"][k], trace["orientation"][k]
        sensors = Sensors(*imu, trace["encoders"][k], read_at, k, np.zeros_like(read_at))
        if k == 0:
            estimator.start(sensors, trace["phase"][0], trace["heading_target"][0])
        begin = time.thread_time()
        observation = estimator.observe(sensors, command)
        targets, action = policy(observation)
        last = limits(targets, last, sensors.encoders)
        estimator.acted(action)
        seconds.append(time.thread_time() - begin)
        for name, value in zip(seen, (observation, action, targets), strict=True):
            seen[name].append(value)
    gaps = {name: np.abs(np.stack(rows) - expected[name]) for name, rows in seen.items()}
    return Replay({name: float(gap.max()) for name, gap in gaps.items()}, np.array(seconds))
