"""The runtime and MuJoCo C, closed into a loop without JAX, along a recorded trace.

Run as a process of its own, `python -m wildrobot_cli.simulated.closed_loop BUNDLE TRACE OUT`, so
that nothing of the training can help. `BUNDLE` is a bundle's folder or zip, `TRACE` and `OUT` are
`.npz` files.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from wildrobot_cli.runtime.bundles.bundle import Bundle, open_bundle
from wildrobot_cli.runtime.bundles.description import Description
from wildrobot_cli.runtime.bundles.policy import OnnxPolicy, load
from wildrobot_cli.runtime.control.estimator import Estimator
from wildrobot_cli.runtime.control.limits import TargetLimits
from wildrobot_cli.simulated.configuration import simulation_config
from wildrobot_cli.simulated.robot import STATE, SimulatedRobot

Rows = Mapping[str, np.ndarray]


class Runtime:
    """A bundle's policy with its estimator and target limits, and a robot to go with it."""

    def __init__(self, bundle: Bundle, quantized: bool) -> None:
        """Build them."""
        self.description: Description = bundle.description
        self.policy: OnnxPolicy = load(bundle, quantized)
        self.robot = SimulatedRobot(simulation_config(bundle))

    def follow(self, trace: Rows, forced: bool) -> dict[str, np.ndarray]:
        """Go along one rollout; return rows of what the runtime saw, did and where that led.

        Args:
            trace: one rollout's rows; see `export.traces`. Shapes (T, ...).
            forced: whether each control step starts from the trace's own state and is taken under
                its own targets, so that differences do not add up. What the runtime remembers of
                clock and heading is one step old.
        """
        robot, estimator = self.robot, Estimator(self.description)
        limits = TargetLimits(self.description)
        robot.load(*(trace[name][0] for name in STATE))
        estimator.start(robot.sensors())
        estimator.recall(trace["phase"][0], trace["heading_target"][0])
        seen: list[dict[str, np.ndarray]] = []
        states = [robot.readout()]
        last = None
        for k, command in enumerate(trace["command"]):
            if forced:
                robot.put(*(trace[name][k] for name in STATE))
            sensors = robot.sensors()
            observation = estimator.observe(sensors, command)
            targets, action = self.policy(observation)
            last = limits(targets, last, sensors.encoders)
            if forced:
                estimator.recall(trace["phase"][k], trace["heading_target"][k])
            estimator.acted(action)
            robot.step(trace["targets"][k] if forced else last)
            row = {"observation": observation, "action": action, "targets": last}
            seen.append({**row, "encoders": sensors.encoders})
            states.append(robot.readout())
        return _columns(seen) | _columns(states)


def _columns(rows: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def follow_all(bundle: Bundle, trace: Rows, forced: bool, quantized: bool) -> dict[str, np.ndarray]:
    """Follow every rollout of a trace. Shapes (T, N, ...)."""
    runtime, count = Runtime(bundle, quantized), trace["command"].shape[1]
    rollouts = ({name: rows[:, index] for name, rows in trace.items()} for index in range(count))
    results = [runtime.follow(rollout, forced) for rollout in rollouts]
    return {name: np.stack([rows[name] for rows in results], axis=1) for name in results[0]}


def main(bundle_path: str, trace_path: str, out_path: str) -> None:
    """Follow a trace with every policy of a bundle: forced and free."""
    bundle = open_bundle(Path(bundle_path))
    with np.load(trace_path, allow_pickle=False) as file:
        trace = {name: file[name] for name in file.files}
    results: dict[str, np.ndarray] = {}
    for quantized in (False, True)[: 1 + (bundle.description.quantized is not None)]:
        for forced in (True, False)[quantized:]:
            rows = follow_all(bundle, trace, forced, quantized)
            kind = ("quantized_" if quantized else "") + ("forced" if forced else "free")
            results |= {f"{kind}/{name}": value for name, value in rows.items()}
    if "jax" in sys.modules:
        raise RuntimeError("JAX is in the process that must do without")
    np.savez(out_path, **results)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(*sys.argv[1:])
