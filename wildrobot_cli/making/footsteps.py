"""Where and when the feet step, and where the floor is to push: the plan behind a walk.

A walk starts and ends standing. Step k swings one foot, the left one first, while the other bears;
between two swings both bear.
"""

from dataclasses import dataclass

import numpy as np

from wildrobot_cli.making.curves import Swing

SIDES = (1.0, -1.0)
"""Where along y the left and the right foot are."""


@dataclass(frozen=True)
class Gait:
    """One way of walking."""

    speed: float
    """Forward [m/s]."""
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
    clock: np.ndarray
    """Steps begun, counted from the first; negative before it. Shape (T,)."""


def plan_walk(gait: Gait, course: Course, swing: Swing, dt: float) -> FootPlan:
    """Plan a walk along x from standing to standing, in samples `dt` apart [s]."""
    steps = len(course.shares)
    duration = 2 * course.pause + steps * gait.step_time
    clock = (np.arange(round(duration / dt) + 1) * dt - course.pause) / gait.step_time
    way = gait.step * np.concatenate([[0.0], np.cumsum(course.shares)])
    soles = np.zeros((len(clock), 2, 3))
    soles[:, :, 1] = gait.width / 2 * np.array(SIDES)
    pitch, bearing = np.zeros((len(clock), 2)), np.ones((len(clock), 2), dtype=bool)
    for step in range(steps):
        foot = step % 2
        s = (clock - step - gait.lift) / (1 - 2 * gait.lift)
        here, there = way[max(step - 1, 0)], way[step + 1]
        begun, swinging = s > 0, (s > 0) & (s < 1)
        soles[begun, foot, 0] = here + (there - here) * swing.progress(s[begun])
        soles[swinging, foot, 2] = swing.lift(s[swinging])
        pitch[swinging, foot] = swing.tilt(s[swinging])
        bearing[swinging, foot] = False
    return FootPlan(soles, pitch, bearing, _pressure(gait, clock, way), clock)


def _pressure(gait: Gait, clock: np.ndarray, way: np.ndarray) -> np.ndarray:
    """Centre of pressure: forward under the foot that bears, then over to the other. (T, 2) [m]."""
    steps = len(way) - 1
    forward, inward = gait.pressure
    times, points = [-gait.lift], [(way[0] + forward, 0.0)]
    for step in range(steps):
        stride = way[step + 1] - way[max(step - 1, 0)]
        roll = gait.roll * min(1.0, float(stride) / (2 * gait.step))
        sideways = SIDES[1 - step % 2] * (gait.width / 2 - inward)
        for when, offset in ((step + gait.lift, -roll / 2), (step + 1 - gait.lift, roll / 2)):
            times.append(when)
            points.append((way[step] + forward + offset, sideways))
    times.append(steps + gait.lift)
    points.append((way[-1] + forward, 0.0))
    return np.stack([np.interp(clock, times, column) for column in np.array(points).T], axis=-1)
