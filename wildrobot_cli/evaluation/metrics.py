"""The figures of an evaluation scenario, from its recorded episodes alone.

Samples after a fall are left out everywhere. Figures pool the samples of all episodes unless
their docstring says otherwise, and are None where there is nothing to measure.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from wildrobot_cli.evaluation.gait import first_settled, gait_metrics, mean_or_none, number
from wildrobot_cli.evaluation.smoothing import averaging_window
from wildrobot_cli.evaluation.trajectory import Bools, Floats, Ints, Trajectory

Z95 = 1.959963984540054
"""97.5 % quantile of the standard normal distribution."""
COMMAND_JUMP = 0.01
"""Change of a command between two samples that counts as a new command [m/s or rad/s]."""
SATURATED = 0.98
"""Share of the torque limit at which a servo counts as saturated."""
LINE_SLACK = 0.02
"""Share of the torque limit by which a servo may pass its speed-torque line: rounding."""
MIN_SPEED = 0.01
"""Mean speed below which a cost of transport has no meaning [m/s]."""
STILL = 1e-6
"""A commanded speed or path step below this is none [m/s or m]."""


@dataclass(frozen=True, eq=False)
class ServoLimits:
    """What the servos can do, and what they lose.

    Raises:
        ValueError: if `torque_limit` is not a vector.
    """

    torque_limit: Floats
    """Torque limit of each joint. Shape (n,) [Nm]."""
    no_load_speed: float
    """Speed that a servo reaches without load [rad/s]."""
    copper_loss: float
    """Heat in the windings for torque squared [W/Nm^2]."""

    def __post_init__(self) -> None:
        """Convert and check the limits."""
        limit = np.asarray(self.torque_limit, dtype=np.float64)
        if limit.ndim != 1:
            raise ValueError(f"ServoLimits.torque_limit: expected shape (n,), got {limit.shape}")
        object.__setattr__(self, "torque_limit", limit)


def wilson_interval(successes: int, episodes: int) -> tuple[float, float]:
    """95 % score interval of a success rate (Wilson 1927); (0, 1) without episodes."""
    if episodes == 0:
        return 0.0, 1.0
    rate, z2 = successes / episodes, Z95 * Z95 / episodes
    centre = (rate + z2 / 2) / (1 + z2)
    half = sqrt(z2 * (rate * (1 - rate) + z2 / 4)) / (1 + z2)
    return max(0.0, centre - half), min(1.0, centre + half)


def commanded_heading(trajectory: Trajectory) -> Floats:
    """Heading at the start, turned by the integral of the commanded rate. Shape (T, N) [rad]."""
    turned = np.cumsum(trajectory.command[1:, :, 2], axis=0) * trajectory.dt
    start = trajectory.heading[:1]
    return np.concatenate([start, start + turned])


def commanded_velocity(trajectory: Trajectory) -> Floats:
    """Commanded planar velocity between samples, world frame. Shape (T - 1, N, 2) [m/s].

    The command is turned by `commanded_heading`, half-way between the samples, not by the
    robot's own heading: a robot that drifts off leaves the commanded path.
    """
    heading = commanded_heading(trajectory)
    middle = (heading[1:] + heading[:-1]) / 2
    cos, sin = np.cos(middle), np.sin(middle)
    forward, left = trajectory.command[1:, :, 0], trajectory.command[1:, :, 1]
    return np.stack([cos * forward - sin * left, sin * forward + cos * left], axis=-1)


def progress(trajectory: Trajectory) -> Floats:
    """Net way of each episode along the commanded direction, until its end. Shape (N,) [m].

    The sum over samples of the root's planar displacement projected on the direction of
    `commanded_velocity`: way to the side does not count, way back is taken off, and time under
    a command to stand or to turn on the spot adds nothing.
    """
    commanded = commanded_velocity(trajectory)
    speed = np.linalg.norm(commanded, axis=-1, keepdims=True)
    moved = np.diff(trajectory.position[..., :2], axis=0)
    along = np.where(speed > STILL, commanded / np.maximum(speed, STILL), 0.0)
    way: Floats = ((moved * along).sum(axis=-1) * trajectory.alive[1:]).sum(axis=0)
    return way


def path_distance(path: Floats, point: Floats) -> Floats:
    """Distance of each point from the nearest place on its path. Shape (E,) [m].

    Args:
        path: corners of the paths, shape (T, E, 2) [m]; each path goes on straight before its
            first and after its last step.
        point: shape (E, 2) [m].
    """
    step = np.diff(path, axis=0)
    length2 = (step**2).sum(axis=-1)
    moving = length2 > STILL**2
    first = moving & (np.cumsum(moving, axis=0) == 1)
    last = moving & (np.cumsum(moving[::-1], axis=0)[::-1] == 1)
    offset = point - path[:-1]
    along = np.where(moving, (offset * step).sum(axis=-1) / np.maximum(length2, STILL**2), 0.0)
    along = np.clip(along, np.where(first, -np.inf, 0.0), np.where(last, np.inf, 1.0))
    across = np.concatenate([offset - along[..., None] * step, point - path[:1]])
    distance: Floats = np.linalg.norm(across, axis=-1).min(axis=0)
    return distance


def lateral_drift(trajectory: Trajectory) -> float | None:
    """Mean distance at the end from the commanded path, over episodes that lasted [m].

    The path starts at the robot's first position and heading and follows the commands. Being
    early or late on it is no drift; under a command to stand, the path is a point.
    """
    columns, end = _ends(trajectory)
    if not columns.size:
        return None
    start = trajectory.position[:1, columns, :2]
    way = np.cumsum(commanded_velocity(trajectory)[:, columns], axis=0) * trajectory.dt
    path = np.concatenate([start, start + way])
    return mean_or_none(path_distance(path, trajectory.position[end, columns, :2]))


def heading_drift(trajectory: Trajectory) -> float | None:
    """Mean |heading turned - commanded turn| at the end, over episodes that lasted [deg]."""
    columns, end = _ends(trajectory)
    heading = np.unwrap(trajectory.heading[:, columns], axis=0)
    rows = np.arange(columns.size)
    error = heading[end, rows] - commanded_heading(trajectory)[end, columns]
    return mean_or_none(np.degrees(np.abs(error)))


def _ends(trajectory: Trajectory) -> tuple[Ints, Ints]:
    """Return the episodes that lasted, and the last sample of each. Shapes (E,), (E,)."""
    columns = np.flatnonzero(trajectory.lasted)
    return columns, trajectory.alive[:, columns].sum(axis=0) - 1


def tracking_errors(trajectory: Trajectory) -> tuple[float | None, float | None]:
    """Return the velocity error [m/s] and the yaw rate error [rad/s].

    Means of |commanded - measured|, planar velocity in the heading frame, each averaged over one
    gait period (1 s without one). The mean is over all windows of that length that lie wholly
    after the start-up time, in a running episode, and under one command; as such windows are
    taken whole, it does not matter whether they are called centred or causal. The time it takes
    to follow a new command counts as error.
    """
    window, first = averaging_window(trajectory), first_settled(trajectory)
    measured = np.concatenate([trajectory.velocity, trajectory.yaw_rate[..., None]], axis=-1)
    difference = (trajectory.command - measured)[first:]
    if difference.shape[0] < window:
        return None, None
    jumped = (np.abs(np.diff(trajectory.command[first:], axis=0)) > COMMAND_JUMP).any(axis=-1)
    jumps = _running_sum(np.where(jumped, 1.0, 0.0), window - 1)
    valid = trajectory.alive[first:][window - 1 :] & (jumps < 0.5)
    error = _running_sum(difference, window)[valid] / window
    planar = np.linalg.norm(error[:, :2], axis=-1)
    return mean_or_none(planar), mean_or_none(np.abs(error[:, 2]))


def _running_sum(values: Floats, window: int) -> Floats:
    """Sum of every `window` rows in a row. Shape (T - window + 1, ...)."""
    total = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
    sums: Floats = total[window:] - total[: total.shape[0] - window]
    return sums


def actuation_metrics(trajectory: Trajectory, limits: ServoLimits) -> dict[str, Any]:
    """Return what the servos are asked for, under the names in the JSON of `eval`.

    `torque_rms_nm`: root mean square of each joint's shaft torque, mean over joints and the worst
    joint. `torque_peak_nm`: largest |torque|. `torque_saturation`, `motor_saturation`: share
    of samples of joints at 98 % or more of the limit, at the shaft and before joint damping takes
    its part; the limit is the episode's own where it was drawn. `overspeed`,
    `joint_speed_p99_rps`: share of joint speeds beyond the no-load speed, and their 99th
    percentile. `overtorque`: share of samples of joints whose shaft is beyond the line from the
    torque limit at rest to none at the no-load speed, as far as they drive: a servo whose model
    obeys that line is never there.
    """
    driving = trajectory.torque[trajectory.alive] * np.sign(trajectory.joint_vel[trajectory.alive])
    limit = limits.torque_limit
    if trajectory.torque_limit is not None:
        limit = trajectory.torque_limit[np.nonzero(trajectory.alive)[1]]
    torque = np.abs(trajectory.torque[trajectory.alive])
    motor = np.abs(trajectory.motor_torque[trajectory.alive])
    speed = np.abs(trajectory.joint_vel[trajectory.alive])
    some = torque.size > 0
    line = 1.0 + LINE_SLACK - np.minimum(speed / limits.no_load_speed, 1.0)
    rms = np.sqrt((torque**2).mean(axis=0)) if some else np.zeros(0)
    return {
        "torque_rms_nm": {"mean": mean_or_none(rms), "worst": number(rms.max()) if some else None},
        "torque_peak_nm": number(torque.max()) if some else None,
        "torque_saturation": mean_or_none(torque >= SATURATED * limit),
        "motor_saturation": mean_or_none(motor >= SATURATED * limit),
        "overspeed": mean_or_none(speed > limits.no_load_speed),
        "overtorque": mean_or_none(driving > line * limit),
        "joint_speed_p99_rps": number(np.percentile(speed, 99)) if some else None,
    }


def mean_power(trajectory: Trajectory, limits: ServoLimits) -> float | None:
    """Mean over samples of sum over joints of max(torque * speed, 0) + copper loss [W]."""
    torque = trajectory.torque[trajectory.alive]
    speed = trajectory.joint_vel[trajectory.alive]
    each = np.maximum(torque * speed, 0.0) + limits.copper_loss * torque**2
    return mean_or_none(each.sum(axis=-1))


def cost_of_transport(trajectory: Trajectory, power: float | None, way: Floats) -> float | None:
    """Power over weight times mean speed [-]; None below `MIN_SPEED`.

    Speed is `progress` (way, shape (N,) [m]) over the time it took, all episodes together.
    """
    time = np.maximum(trajectory.alive.sum(axis=0) - 1, 0).sum() * trajectory.dt
    if power is None or time == 0 or not way.sum() >= MIN_SPEED * time:
        return None
    return number(power / (trajectory.weight * way.sum() / time))


def fall_causes(trajectory: Trajectory) -> dict[str, list[float]]:
    """When episodes failed, by what it was, the most frequent first [s]."""
    assert trajectory.cause is not None
    time = (trajectory.alive.sum(axis=0) + 1) * trajectory.dt
    causes = [str(cause) for cause in np.unique(trajectory.cause[trajectory.fell])]
    times = {cause: np.sort(time[trajectory.cause == cause]).tolist() for cause in causes}
    return dict(sorted(times.items(), key=lambda item: -len(item[1])))


def succeeded(trajectory: Trajectory, way: Floats, min_distance: float | None) -> Bools:
    """Whether the episode lasted and covered the distance asked for. Shape (N,)."""
    return trajectory.lasted if min_distance is None else trajectory.lasted & (way >= min_distance)


def scenario_metrics(
    trajectory: Trajectory, limits: ServoLimits, min_distance: float | None = None
) -> dict[str, Any]:
    """Return a scenario's figures with exactly the keys of `eval`'s JSON, finite or None.

    Args:
        trajectory: the scenario's episodes.
        limits: of the robot's servos.
        min_distance: `progress` that a success takes beside not falling [m].

    Raises:
        ValueError: if the limits are for another number of joints.
    """
    if limits.torque_limit.size != trajectory.joints:
        found, joints = limits.torque_limit.size, trajectory.joints
        raise ValueError(f"ServoLimits.torque_limit: expected {joints} joints, got {found}")
    with np.errstate(over="ignore", invalid="ignore"):
        way, power = progress(trajectory), mean_power(trajectory, limits)
        successes = int(succeeded(trajectory, way, min_distance).sum())
        velocity_error, yaw_rate_error = tracking_errors(trajectory)
        episodes = trajectory.episodes
        return {
            "episodes": episodes,
            "successes": successes,
            "success_rate": successes / episodes if episodes else None,
            "success_ci95": list(wilson_interval(successes, episodes)),
            "falls": int(trajectory.fell.sum()),
            "fall_causes": fall_causes(trajectory),
            "distance_m": mean_or_none(way),
            "velocity_error_mps": velocity_error,
            "yaw_rate_error_rps": yaw_rate_error,
            "heading_drift_deg": heading_drift(trajectory),
            "lateral_drift_m": lateral_drift(trajectory),
            **actuation_metrics(trajectory, limits),
            "power_w": power,
            "cost_of_transport": cost_of_transport(trajectory, power, way),
            **gait_metrics(trajectory),
        }
