"""Measuring a run on a robot from the log that it left.

A simulated robot leaves its true states beside the log: then every figure is there. Of a real robot
there are its sensors alone: what they cannot say is None.
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from wildrobot_cli.config.environment import EnvConfig
from wildrobot_cli.config.loader import load
from wildrobot_cli.config.scenario import GateConfig
from wildrobot_cli.errors import ConfigError
from wildrobot_cli.evaluation.evaluate import Evaluation
from wildrobot_cli.evaluation.gates import SUCCESS
from wildrobot_cli.evaluation.gates import judge as judge_gates
from wildrobot_cli.evaluation.measuring import servo_limits
from wildrobot_cli.evaluation.metrics import ServoLimits, scenario_metrics
from wildrobot_cli.evaluation.trajectory import Trajectory
from wildrobot_cli.runtime.bundles.archives import read_arrays
from wildrobot_cli.runtime.bundles.description import Description
from wildrobot_cli.runtime.bundles.parsing import parse
from wildrobot_cli.runtime.control.supervisor import WANTED, Mode
from wildrobot_cli.runtime.log import EVENTS, MODES, read_events, read_log, row_type
from wildrobot_cli.runtime.observing.estimation import root_heading
from wildrobot_cli.simulated.configuration import check_same
from wildrobot_cli.simulated.robot import SimulatedRobot
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
    "overspeed",
    "overtorque",
    "joint_speed_p99_rps",
)
"""Figures that a real robot's sensors give; torques are estimates from targets and angles."""
STOPPED = "stopped"
"""Cause of the failure of a robot that stopped itself."""
EMERGENCY = "emergency"
"""Cause of an event that takes the torque off at once; of the failure where its owner did that."""
CUT_OFF = "cut off"
"""Cause of the failure of a robot whose log does not say how its walk ended."""


class _Endings(dict[str, str]):
    """What causes mean; any other is what states that were recorded fail of."""

    def __missing__(self, cause: str) -> str:
        """Say it of one of these."""
        return f"by its recorded states: {cause}"


ENDINGS = _Endings(
    {
        STOPPED: "the robot stopped itself; events.jsonl says why",
        EMERGENCY: "its owner's emergency stop; events.jsonl says by which key or signal",
        CUT_OFF: "cut off: the log does not say how the walk ended",
    }
)
"""What causes of failures mean."""
RESET = "reset"
"""Cause of the event that another walk begins with."""
NO_STOP = ("walking", "stopped", "command", "clamp")
"""Causes of events that stop nothing."""
OWNERS = ("by key", "SIG")
"""What the details of an emergency begin with that the owner asked for: a key, or a signal."""

Columns = Mapping[str, np.ndarray]


def evaluate_log(folder: Path) -> Evaluation:
    """Measure the walk in a log, from its first step to the first stop.

    A robot that stopped itself fails as one that fell does, and so does one whose log breaks off:
    nobody knows what became of it. When that was before it walked, there is nothing else to say.

    Raises:
        ConfigError: the log does not read, or the robot was never let walk.
    """
    logged, description = _read_rows(folder)
    failure = _failure(folder)
    stopped = np.isin(logged["mode"], [MODES.index(m) for m in (Mode.STOPPING, Mode.STOPPED)])
    rows = {name: column[np.cumsum(stopped) == 0] for name, column in logged.items()}
    walking = rows["mode"] == MODES.index(Mode.WALKING)
    walk = {name: column[walking] for name, column in rows.items()}
    seen = (walk["tick"] >= 0).any()
    if seen and all((folder / name).is_file() for name in (ENV, TRUTH)):
        truth = _read_truth(folder, description, periods=int(logged["tick"].max()) + 1)
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


def _read_rows(folder: Path) -> tuple[Columns, Description]:
    """A log's rows, one a control step, and what was run.

    Raises:
        ConfigError: they do not read, are not what a run writes, or there are none.
    """
    columns, document = read_log(folder)
    try:
        description = parse(document)
        row = np.zeros((), row_type(len(description.joints.names)))
        rows = _table(columns, {name: row[name] for name in row.dtype.names or ()})
        _check_order(rows)
    except ConfigError as error:
        raise ConfigError(f"{folder}: not a readable log: {error}") from None
    if not len(rows["time"]):
        raise ConfigError(f"{folder}: holds no control step: the robot was not heard")
    return rows, description


def _read_truth(folder: Path, description: Description, periods: int) -> tuple[EnvConfig, Columns]:
    """The simulation's configuration, and its states: the first, and one after each period.

    Raises:
        ConfigError: they do not read, are another simulation's, or fewer than the log's `periods`.
    """
    config = load(EnvConfig, folder / ENV)
    check_same(description, config, str(folder / ENV))
    state = SimulatedRobot(config).readout()
    try:
        states = _table(read_arrays((folder / TRUTH).read_bytes()), state)
        if len(states["qpos"]) <= periods:
            raise ConfigError(f"{len(states['qpos']) - 1} control periods, the log has {periods}")
    except (ConfigError, OSError) as error:
        raise ConfigError(f"{folder}: not a readable log: {TRUTH}: {error}") from None
    return config, states


def _table(columns: Columns, row: Columns) -> Columns:
    """Return the columns that a row has, all of one length, of its shapes and kinds of number.

    Raises:
        ConfigError: naming the one that is missing or another.
    """
    if missing := [name for name in row if name not in columns]:
        raise ConfigError(f"no array '{missing[0]}'")
    count = max(columns[name].shape[:1] for name in row)
    for name, value in row.items():
        found, shape = columns[name], (*count, *value.shape)
        if (found.shape, found.dtype.kind) != (shape, value.dtype.kind) or not count:
            raise ConfigError(
                f"{name}: expected {value.dtype} of shape {shape}, "
                f"got {found.dtype} of shape {found.shape}"
            )
    return {name: columns[name] for name in row}


def _check_order(rows: Columns) -> None:
    """Raise `ConfigError` for rows that no loop writes: a disk may give back zeros, say."""
    for name, column in (("time", rows["time"]), ("tick", rows["tick"][rows["tick"] >= 0])):
        if not (np.isfinite(column).all() and (column[1:] > column[:-1]).all()):
            raise ConfigError(f"{name}: does not grow from row to row")
    if not np.isin(rows["mode"], range(len(MODES))).all():
        raise ConfigError(f"mode: expected 0 .. {len(MODES) - 1}")


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


def _failure(folder: Path) -> str:
    """Say what ended the first walk, if that was no soft stop of its owner; "" where it was."""
    # A run that is killed before anything happened has no events yet.
    events = read_events(folder) if (folder / EVENTS).is_file() else []
    first_walk = takewhile(lambda event: event["cause"] != RESET, events)
    stops = [event for event in first_walk if event["cause"] not in NO_STOP]
    if not stops:
        return CUT_OFF
    unwanted = [event for event in stops if event["cause"] not in WANTED]
    if not unwanted:
        return ""
    first = unwanted[0]
    owners = str(first.get("detail", "")).startswith(OWNERS)
    return EMERGENCY if first["cause"] == EMERGENCY and owners else STOPPED
