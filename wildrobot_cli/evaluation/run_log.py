"""Measuring a run on a robot from the log that it left.

A simulated robot leaves its true states beside the log: then every figure is there. Of a real robot
there are its sensors alone: what they cannot say is None.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from wildrobot_cli.config.environment import EnvConfig
from wildrobot_cli.config.scenario import GateConfig
from wildrobot_cli.errors import ConfigError
from wildrobot_cli.evaluation.evaluate import Evaluation
from wildrobot_cli.evaluation.gates import SUCCESS
from wildrobot_cli.evaluation.gates import judge as judge_gates
from wildrobot_cli.evaluation.logged import Columns, failure_of, read_rows, read_truth
from wildrobot_cli.evaluation.measuring import servo_limits
from wildrobot_cli.evaluation.metrics import ServoLimits, scenario_metrics
from wildrobot_cli.evaluation.trajectory import Trajectory
from wildrobot_cli.runtime.bundles.description import Description
from wildrobot_cli.runtime.control.supervisor import Mode
from wildrobot_cli.runtime.log import MODES
from wildrobot_cli.runtime.observing.estimation import root_heading
from wildrobot_cli.simulated.server import ENV, TRUTH

SCENARIO = "log"
VERDICT = ("episodes", "successes", "success_rate", "success_ci95", "falls", "fall_causes")
"""Figures that say whether it kept walking."""
SENSED = (
    *VERDICT,
    "yaw_rate_error_rps",
    "heading_drift_deg",
    "torque_rms_nm",
    "torque_peak_nm",
    "torque_saturation",
    "motor_saturation",
    "overspeed",
    "overtorque",
    "joint_speed_p99_rps",
)
"""Figures that a real robot's sensors give; torques are estimates from targets and angles."""


def evaluate_log(folder: Path) -> Evaluation:
    """Measure the walk in a log, from its first step to the first stop.

    A robot that stopped itself fails as one that fell does, and so does one whose log breaks off:
    nobody knows what became of it. When that was before it walked, there is nothing else to say.

    Raises:
        ConfigError: the log does not read, or the robot was never let walk.
    """
    logged, description = read_rows(folder)
    failure = failure_of(folder)
    stopped = np.isin(logged["mode"], [MODES.index(m) for m in (Mode.STOPPING, Mode.STOPPED)])
    rows = {name: column[np.cumsum(stopped) == 0] for name, column in logged.items()}
    walking = rows["mode"] == MODES.index(Mode.WALKING)
    walk = {name: column[walking] for name, column in rows.items()}
    seen = (walk["tick"] >= 0).any()
    if seen and all((folder / name).is_file() for name in (ENV, TRUTH)):
        truth = read_truth(folder, description, periods=int(logged["tick"].max()) + 1)
        metrics, trajectory = _from_truth(*truth, walk, failure)
    elif seen:
        metrics, trajectory = _from_sensors(description, walk, failure)
    elif len(walking) and failure:
        metrics, trajectory = _from_sensors(description, rows, failure)
        metrics = {k: v if k in VERDICT else _blank(v) for k, v in metrics.items()}
    else:
        what = "gave a reading while it walked" if walking.any() else "walked"
        raise ConfigError(f"{folder}: the robot never {what}")
    gates = judge_gates(metrics, {SUCCESS: GateConfig(min=1.0)})
    passed = all(gate["passed"] for gate in gates.values())
    figures = {**metrics, "untrained": [], "gates": gates, "passed": passed}
    steps = description.document["training"]["env_steps"]
    return Evaluation(folder.name, steps, {SCENARIO: figures}, {SCENARIO: trajectory})


def _from_truth(
    config: EnvConfig, truth: Columns, rows: Columns, failure: str
) -> tuple[dict[str, Any], Trajectory]:
    """Every figure, from the simulation's own states."""
    from wildrobot_cli.env.environment import WildRobotEnv
    from wildrobot_cli.evaluation.judging import faultless, judge

    env = WildRobotEnv(faultless(config))
    seen = rows["tick"] >= 0
    ticks = np.arange(rows["tick"][seen][0], rows["tick"][seen][-1] + 1)
    nearest = np.searchsorted(rows["tick"][seen], ticks)
    rows_of = np.append(ticks, ticks[-1] + 1)
    readout = {name: states[rows_of, None] for name, states in truth.items()}
    nothing = np.zeros((len(ticks), 1), np.float32)
    command = rows["command"][seen][nearest, None]
    asked = {"command": command, "heading_target": nothing, "phase": nothing}
    trajectory = judge(env, asked, readout)
    if failure:
        alive = trajectory.alive & (np.arange(len(ticks)) < len(ticks) - 1)[:, None]
        trajectory = replace(
            trajectory, alive=alive, fell=np.array([True]), cause=np.array([failure])
        )
    return scenario_metrics(trajectory, servo_limits(env.robot)), trajectory


def _from_sensors(
    description: Description, rows: Columns, failure: str
) -> tuple[dict[str, Any], Trajectory]:
    """What encoders, targets and IMU say; the rest is None."""
    joints, period = description.joints, description.control_period
    angles = _filled(rows["encoders"])
    speeds = np.gradient(angles, period, axis=0) if len(angles) > 1 else np.zeros_like(angles)
    motor = np.clip(
        joints.kp * (_filled(rows["targets"]) - angles), -joints.torque_limit, joints.torque_limit
    )
    heading = root_heading(_filled(rows["orientation"]), angles, description.heading_joint, np)
    count = len(angles)
    alive = np.ones((count, 1), bool)
    alive[-1] = not failure
    unknown: dict[str, Any] = {
        name: np.zeros((count, 1, *shape)) for name, shape in _UNKNOWN.items()
    }
    trajectory = Trajectory(
        dt=period,
        weight=1.0,
        gait_period=description.clock.longest_period,
        heading=heading[:, None],
        yaw_rate=_filled(rows["gyro"])[:, None, 2],
        command=rows["command"][:, None],
        joint_pos=angles[:, None],
        joint_vel=speeds[:, None],
        torque=(motor - joints.damping * speeds)[:, None],
        motor_torque=motor[:, None],
        alive=alive,
        fell=np.array([failure != ""]),
        cause=np.array([failure]),
        **unknown,
    )
    limits = ServoLimits(joints.torque_limit, description.no_load_speed, copper_loss=0.0)
    metrics = scenario_metrics(trajectory, limits)
    return {k: v if k in SENSED else _blank(v) for k, v in metrics.items()}, trajectory


_UNKNOWN: dict[str, tuple[int, ...]] = {
    "position": (3,),
    "orientation": (4,),
    "phase": (),
    "velocity": (2,),
    "foot_force": (2,),
    "foot_position": (2, 3),
    "foot_velocity": (2, 3),
}
"""Trailing shapes of what no sensor gives."""


def _filled(column: np.ndarray) -> np.ndarray:
    """Give control steps without a reading the one before. Shape (T, m), float64."""
    good = np.isfinite(column).all(axis=1)
    last = np.maximum.accumulate(np.where(good, np.arange(len(column)), 0))
    return np.nan_to_num(column[last].astype(np.float64))


def _blank(value: Any) -> Any:
    return dict.fromkeys(value) if isinstance(value, dict) else None
