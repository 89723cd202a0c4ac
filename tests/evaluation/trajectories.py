"""Trajectories whose figures are known by hand, and what can be done to any trajectory."""

from dataclasses import replace
from typing import Any

import numpy as np

from wildrobot_cli.evaluation.metrics import ServoLimits
from wildrobot_cli.evaluation.trajectory import Bools, Trajectory

DT = 0.02
WEIGHT = 40.0
CYCLE = 40
"""Samples in a gait cycle of `walker`."""
STANCE = 24
"""Samples that each of its feet stands."""
SPEED = 0.25
"""Its speed [m/s]."""
HEIGHT = 0.05
"""How high it lifts its feet [m]."""
START = 100
"""Samples in the start-up time."""
LIMITS = ServoLimits(torque_limit=np.array([4.0, 2.0]), no_load_speed=5.8, copper_loss=0.5)
"""Servos of the two joints that trajectories have."""
KEYS = [
    *["episodes", "successes", "success_rate", "success_ci95", "falls", "fall_causes"],
    *["distance_m"],
    *["velocity_error_mps", "yaw_rate_error_rps", "heading_drift_deg", "lateral_drift_m"],
    *["torque_rms_nm", "torque_peak_nm", "torque_saturation", "motor_saturation"],
    *["overspeed", "overtorque", "joint_speed_p99_rps"],
    *["power_w", "cost_of_transport", "duty_factor", "double_support", "flight"],
    *["swing_clearance_m", "foot_slip_mps", "symmetry_pct", "alternation"],
]
"""What the figures of a scenario are called."""


def still(steps: int = 501, episodes: int = 1, joints: int = 2, **fields: object) -> Trajectory:
    """Trajectory of a robot that stands, but for the fields given."""
    shape = (steps, episodes)
    arguments: dict[str, Any] = {
        "dt": DT,
        "weight": WEIGHT,
        "gait_period": 0.5,
        "position": np.zeros((*shape, 3)),
        "orientation": np.tile([1.0, 0.0, 0.0, 0.0], (*shape, 1)),
        "heading": np.zeros(shape),
        "velocity": np.zeros((*shape, 2)),
        "yaw_rate": np.zeros(shape),
        "command": np.zeros((*shape, 3)),
        "phase": np.zeros(shape),
        "joint_pos": np.zeros((*shape, joints)),
        "joint_vel": np.zeros((*shape, joints)),
        "torque": np.zeros((*shape, joints)),
        "motor_torque": np.zeros((*shape, joints)),
        "foot_force": np.full((*shape, 2), WEIGHT / 2),
        "foot_position": np.zeros((*shape, 2, 3)),
        "foot_velocity": np.zeros((*shape, 2, 3)),
        "alive": np.ones(shape, dtype=np.bool_),
        "fell": np.zeros(episodes, dtype=np.bool_),
    }
    arguments.update(fields)
    return Trajectory(**arguments)


def moving(
    velocity: tuple[float, float, float],
    command: tuple[float, float, float],
    heading: float = 0.0,
    steps: int = 501,
) -> Trajectory:
    """One episode at constant velocity in the heading frame, from a heading; 10 s by default."""
    time_ = DT * np.arange(steps)
    yaw = heading + velocity[2] * time_
    middle = (yaw[1:] + yaw[:-1]) / 2
    forward, left = velocity[:2]
    world = np.stack(
        [
            np.cos(middle) * forward - np.sin(middle) * left,
            np.sin(middle) * forward + np.cos(middle) * left,
        ],
        axis=-1,
    )
    position = np.zeros((steps, 1, 3))
    position[1:, 0, :2] = np.cumsum(world * DT, axis=0)
    return still(
        steps,
        position=position,
        heading=np.angle(np.exp(1j * yaw))[:, None],
        velocity=np.broadcast_to(velocity[:2], (steps, 1, 2)),
        yaw_rate=np.full((steps, 1), velocity[2]),
        command=np.broadcast_to(command, (steps, 1, 3)),
    )


def feet(contact: Bools, **fields: object) -> Trajectory:
    """Trajectory of feet with this contact pattern, shape (T, N, 2); all else is zero."""
    steps, episodes = contact.shape[:2]
    force = np.where(contact, 0.5, 0.05) * WEIGHT
    return still(steps, episodes, joints=1, **{"gait_period": None, "foot_force": force, **fields})


def walker(
    right_phase: int = CYCLE // 2,
    stance: tuple[int, int] = (STANCE, STANCE),
    offset: float = 0.0,
    height: tuple[float, float] = (HEIGHT, HEIGHT),
    yaw: float = 0.0,
) -> Trajectory:
    """One episode of 10 s: left lands at phase 0, right at `right_phase` [samples].

    Each foot stands still where it lands, at SPEED times the time of its touchdown; the right
    one `offset` [m] further on. Everything is turned by `yaw` [rad].
    """
    steps = np.arange(500)
    contact = np.zeros((500, 1, 2), dtype=np.bool_)
    place = np.zeros((500, 1, 2, 3))
    for foot, start in enumerate((0, right_phase)):
        phase = (steps - start) % CYCLE
        contact[:, 0, foot] = phase < stance[foot]
        swing = np.clip((phase - stance[foot] + 1) / (CYCLE - stance[foot]), 0, 1)
        x = SPEED * DT * (steps - phase) + foot * offset
        y = 0.054 - 0.108 * foot
        place[:, 0, foot, 0] = np.cos(yaw) * x - np.sin(yaw) * y
        place[:, 0, foot, 1] = np.sin(yaw) * x + np.cos(yaw) * y
        place[:, 0, foot, 2] = 0.01 + height[foot] * np.sin(np.pi * swing) ** 2
    return feet(contact, foot_position=place, heading=np.full((500, 1), yaw))


def pattern(left: str, right: str) -> Bools:
    """Contact of one episode that starts after START samples of standing: '#' is contact."""
    rows = np.array([[[a == "#", b == "#"]] for a, b in zip(left, right, strict=True)])
    return np.concatenate([np.ones((START, 1, 2), dtype=np.bool_), rows])


def wild(seed: int, steps: int = 300, episodes: int = 4) -> Trajectory:
    """Random trajectory; the first episode falls, others may."""
    rng = np.random.default_rng(seed)
    shape = (steps, episodes)
    end = rng.integers(steps // 2, 2 * steps, episodes)
    end[0] = steps - 50
    alive = np.arange(steps)[:, None] < end
    command = rng.normal(size=(3, episodes, 3)).repeat(steps // 3, axis=0)
    return still(
        steps,
        episodes,
        position=np.cumsum(rng.normal(size=(*shape, 3)), axis=0) * DT,
        heading=np.cumsum(rng.normal(size=shape), axis=0) * 0.1,
        velocity=rng.normal(size=(*shape, 2)),
        yaw_rate=rng.normal(size=shape),
        command=command,
        joint_vel=rng.normal(size=(*shape, 2)) * 3,
        torque=rng.normal(size=(*shape, 2)),
        motor_torque=3.0 * rng.normal(size=(*shape, 2)),
        foot_force=np.maximum(rng.normal(size=(steps // 5, episodes, 2)), 0).repeat(5, axis=0) * 40,
        foot_position=rng.normal(size=(*shape, 2, 3)),
        foot_velocity=rng.normal(size=(*shape, 2, 3)),
        alive=alive,
        fell=~alive[-1],
    )


def noisy(seed: int, steps: int = 300, episodes: int = 5) -> Trajectory:
    """Random feet: contacts of all lengths, positions and headings of no meaning."""
    rng = np.random.default_rng(seed)
    shape = (steps, episodes)
    alive = np.arange(steps)[:, None] < rng.integers(0, steps + 1, episodes)
    blank = np.zeros((*shape, 2), dtype=np.bool_)
    smooth = rng.normal(size=(steps + 4, episodes, 2))
    force = sum(smooth[shift : steps + shift] for shift in range(5))
    return feet(
        blank,
        foot_force=np.maximum(force, 0.0) * WEIGHT,
        heading=rng.normal(size=shape),
        foot_position=rng.normal(size=(*shape, 2, 3)),
        foot_velocity=rng.normal(size=(*shape, 2, 3)),
        alive=alive,
        fell=~alive[-1],
    )


def fallen(trajectory: Trajectory, at: int) -> Trajectory:
    """Return the same episodes, all fallen at a step, with rubbish from there on."""
    alive = trajectory.alive.copy()
    alive[at:] = False
    names = ("position", "heading", "velocity", "joint_vel", "torque", "motor_torque", "foot_force")
    rubbish = {name: getattr(trajectory, name).copy() for name in names}
    for value in rubbish.values():
        value[at:] = np.nan
    fell = np.ones(trajectory.episodes, dtype=np.bool_)
    return replace(trajectory, alive=alive, fell=fell, cause=None, **rubbish)


def side_by_side(*parts: Trajectory) -> Trajectory:
    """Join trajectories of the same length as episodes of one."""
    names = [name for name, value in vars(parts[0]).items() if isinstance(value, np.ndarray)]
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts], axis=min(1, first.ndim - 1))
        for name, first in ((name, getattr(parts[0], name)) for name in names)
    }
    return replace(parts[0], **joined)


def mirrored(trajectory: Trajectory) -> Trajectory:
    """Return the same motion seen in a mirror; the two joints are a left and a right one."""
    flip = np.array([1.0, -1.0, 1.0])
    return replace(
        trajectory,
        position=trajectory.position * flip,
        heading=-trajectory.heading,
        velocity=trajectory.velocity * flip[:2],
        yaw_rate=-trajectory.yaw_rate,
        command=trajectory.command * [1.0, -1.0, -1.0],
        joint_vel=trajectory.joint_vel[..., ::-1],
        torque=trajectory.torque[..., ::-1],
        motor_torque=trajectory.motor_torque[..., ::-1],
        foot_force=trajectory.foot_force[..., ::-1],
        foot_position=trajectory.foot_position[..., ::-1, :] * flip,
        foot_velocity=trajectory.foot_velocity[..., ::-1, :] * flip,
    )


def turned(trajectory: Trajectory, yaw: float) -> Trajectory:
    """Return the same motion in a world turned by `yaw` [rad]."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    turn = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]]).T
    return replace(
        trajectory,
        position=trajectory.position @ turn,
        heading=np.angle(np.exp(1j * (trajectory.heading + yaw))),
        foot_position=trajectory.foot_position @ turn,
        foot_velocity=trajectory.foot_velocity @ turn,
    )


def flat(value: Any) -> list[Any]:
    """All figures of the metrics in a list."""
    if isinstance(value, dict):
        value = list(value.values())
    return [part for item in value for part in flat(item)] if isinstance(value, list) else [value]
