"""Where and when the feet step, and where the floor is to push: the plan behind a walk.

A walk starts and ends standing. Step k swings one foot, the left one first, while the other bears;
between two swings both bear.
"""

from dataclasses import dataclass

import numpy as np

from wildrobot_cli.making.curves import Swing


@dataclass(frozen=True)
class Gait:
    """One way of walking."""

    speed: float
    """Forward [m/s]."""
    yaw_rate: float
    """Counter-clockwise positive [rad/s]."""
    period: float
    """Duration of a stride, which is two steps [s]."""
    duty: float
    """Share of a stride that each foot is planned to bear weight."""
    width: float
    """Sideways distance of the soles' centres [m]."""
    roll: float
    """How far the centre of pressure moves forward under a foot that bears alone [m]."""
    pressure: tuple[float, float]
    """Where it is half-way, forward and inward of the sole's centre [m]."""

    @property
    def step_time(self) -> float:
        """Duration of a step [s]."""
        return self.period / 2

    @property
    def step(self) -> float:
        """Length of a step [m]."""
        return self.speed * self.step_time

    @property
    def lift(self) -> float:
        """When in a step its foot lifts off, as a share; it lands this much before the end."""
        return self.duty - 0.5


@dataclass(frozen=True)
class Course:
    """How long a walk goes on: steps as shares of the full one."""

    shares: tuple[float, ...]
    """Length of each step; the last is zero, it closes the feet."""
    pause: float
    """Standing before and after [s]."""

    @staticmethod
    def of(ramp: tuple[float, ...], strides: int, pause: float) -> "Course":
        """Full strides between a ramp up and the same ramp down, closing the feet at the end."""
        return Course((*ramp, *[1.0] * (2 * strides), *ramp[::-1], 0.0), pause)


@dataclass(frozen=True, eq=False)
class FootPlan:
    """Feet and pressure over T samples; feet ordered left, right."""

    soles: np.ndarray
    """Centres of the soles, world frame. Shape (T, 2, 3) [m]."""
    pitch: np.ndarray
    """Pitch of the soles, toes down positive. Shape (T, 2) [rad]."""
    bearing: np.ndarray
    """Whether each foot is to bear weight. Shape (T, 2), bool."""
    pressure: np.ndarray
    """Centre of pressure, world frame. Shape (T, 2) [m]."""
    heading: np.ndarray
    """Heading of the root. Shape (T,) [rad]."""
    clock: np.ndarray
    """Steps begun, counted from the first; negative before it. Shape (T,)."""


def plan_walk(gait: Gait, course: Course, swing: Swing, dt: float) -> FootPlan:
    """Plan a walk from standing to standing, in samples `dt` apart [s]."""
    steps = len(course.shares)
    duration = 2 * course.pause + steps * gait.step_time
    clock = (np.arange(round(duration / dt) + 1) * dt - course.pause) / gait.step_time
    poses = _path(gait, course.shares)
    soles = np.zeros((len(clock), 2, 3))
    pitch, bearing = np.zeros((len(clock), 2)), np.ones((len(clock), 2), dtype=bool)
    spots = _spots(poses, gait.width)
    soles[:, :, :2] = spots[:, 0]
    for step in range(steps):
        foot = step % 2
        s = (clock - step - gait.lift) / (1 - 2 * gait.lift)
        here, there = spots[foot, max(step - 1, 0)], spots[foot, step + 1]
        begun, swinging = s > 0, (s > 0) & (s < 1)
        soles[begun, foot, :2] = here + (there - here) * swing.progress(s[begun])[:, None]
        soles[swinging, foot, 2] = swing.lift(s[swinging])
        pitch[swinging, foot] = swing.tilt(s[swinging])
        bearing[swinging, foot] = False
    turned = np.interp(clock, np.arange(steps + 1), poses[:, 2])
    heading = _smoothed(turned, round(gait.step_time / dt))
    return FootPlan(soles, pitch, bearing, _pressure(gait, clock, poses), heading, clock)


def _path(gait: Gait, shares: tuple[float, ...]) -> np.ndarray:
    """Pose of the body's path at the start and after each step. (steps + 1, 3) [m, m, rad]."""
    poses = [np.zeros(3)]
    for share in shares:
        x, y, heading = poses[-1]
        way, turn = np.array([gait.speed, gait.yaw_rate]) * share * gait.step_time
        middle = heading + turn / 2
        poses.append(np.array([x + way * np.cos(middle), y + way * np.sin(middle), heading + turn]))
    return np.array(poses)


def _spots(poses: np.ndarray, width: float) -> np.ndarray:
    """Where the left and the right sole stand beside each pose. Shape (2, steps + 1, 2) [m]."""
    sideways = np.stack([-np.sin(poses[:, 2]), np.cos(poses[:, 2])], axis=-1)
    return np.stack([poses[:, :2] + side * width / 2 * sideways for side in (1.0, -1.0)])


def _pressure(gait: Gait, clock: np.ndarray, poses: np.ndarray) -> np.ndarray:
    """Centre of pressure: forward under the foot that bears, then over to the other. (T, 2) [m]."""
    steps = len(poses) - 1
    spots = _spots(poses, gait.width)
    ahead = np.stack([np.cos(poses[:, 2]), np.sin(poses[:, 2])], axis=-1)
    forward, inward = gait.pressure
    times, points = [-gait.lift], [poses[0, :2] + forward * ahead[0]]
    full = gait.speed * gait.period
    for step in range(steps):
        way = np.linalg.norm(poses[step + 1, :2] - poses[max(step - 1, 0), :2])
        roll = gait.roll * min(1.0, float(way) / full)
        for when, offset in ((step + gait.lift, -roll / 2), (step + 1 - gait.lift, roll / 2)):
            times.append(when)
            spot = spots[1 - step % 2, step]
            spot = spot + inward / gait.width * (spots[step % 2, step] - spot)
            points.append(spot + (forward + offset) * ahead[step])
    times.append(steps + gait.lift)
    points.append(poses[-1, :2] + forward * ahead[-1])
    return np.stack([np.interp(clock, times, column) for column in np.array(points).T], axis=-1)


def _smoothed(values: np.ndarray, window: int) -> np.ndarray:
    """Moving average over about `window` samples, ends held. Shape (T,)."""
    half = window // 2
    padded = np.pad(values, half, mode="edge")
    return np.convolve(padded, np.full(2 * half + 1, 1 / (2 * half + 1)), mode="valid")
