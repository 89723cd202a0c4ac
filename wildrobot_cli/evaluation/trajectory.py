"""What an evaluation rollout recorded: plain numpy arrays, no simulator behind them."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from math import isfinite
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from wildrobot_cli.env.ground import Ground

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]
Words = NDArray[np.str_]

FALL = "fall"
"""Cause of a failure that nothing more is known of."""
NOT_FINITE = "simulation"
"""Cause of a failure of the simulation itself."""

_TRAILING: dict[str, tuple[int | str, ...]] = {
    "position": (3,),
    "orientation": (4,),
    "heading": (),
    "velocity": (2,),
    "yaw_rate": (),
    "command": (3,),
    "phase": (),
    "joint_pos": ("n",),
    "joint_vel": ("n",),
    "torque": ("n",),
    "motor_torque": ("n",),
    "foot_force": (2,),
    "foot_position": (2, 3),
    "foot_velocity": (2, 3),
}
"""Each recorded field's shape after (T, N)."""
_EPISODES_FIRST = ("fell", "cause", "torque_limit")
"""Fields that begin with the episodes."""


@dataclass(frozen=True, eq=False)
class Trajectory:
    """N episodes of T control steps of a robot with n joints, episodes side by side.

    Row k is the state at the end of control step k; `command[k]` is what was asked during it.
    Feet are ordered left, right. Building one stores floats as float64 and makes two things true
    that the metrics rely on: an episode ends at its first sample that is not finite (and counts
    as fallen there), and every sample after an episode's end is zero.

    Raises:
        ValueError: naming the field whose shape or value does not fit the others.
    """

    dt: float
    """Control period [s]."""
    weight: float
    """Weight of the robot, mass times 9.81 [N]."""
    gait_period: float | None
    """Duration of a gait cycle (two steps) [s]; None where the policy has no clock."""
    position: Floats
    """Root position, world frame. Shape (T, N, 3) [m]."""
    orientation: Floats
    """Root quaternion w x y z, root to world. Shape (T, N, 4)."""
    heading: Floats
    """Root yaw, wrapped or not. Shape (T, N) [rad]."""
    velocity: Floats
    """Planar root velocity in the heading frame. Shape (T, N, 2) [m/s]."""
    yaw_rate: Floats
    """Root yaw rate. Shape (T, N) [rad/s]."""
    command: Floats
    """Forward, leftward and turning command. Shape (T, N, 3) [m/s, m/s, rad/s]."""
    phase: Floats
    """Phase of the left foot by the policy's clock, 0 at lift-off. Shape (T, N) [rad]."""
    joint_pos: Floats
    """Joint angles. Shape (T, N, n) [rad]."""
    joint_vel: Floats
    """Joint speeds. Shape (T, N, n) [rad/s]."""
    torque: Floats
    """Shaft torque, `actuator_force - damping * qvel`. Shape (T, N, n) [Nm]."""
    motor_torque: Floats
    """What the servos put out, `actuator_force`; their limit is on this. Shape (T, N, n) [Nm]."""
    foot_force: Floats
    """Normal force on each sole. Shape (T, N, 2) [N]."""
    foot_position: Floats
    """Centre of each sole, world frame. Shape (T, N, 2, 3) [m]."""
    foot_velocity: Floats
    """Velocity of the centre of each sole, world frame. Shape (T, N, 2, 3) [m/s]."""
    alive: Bools
    """Whether the episode still runs; False from the step at which it ended. Shape (T, N)."""
    fell: Bools
    """Whether the episode ended in a failure. Shape (N,)."""
    cause: Words | None = None
    """What the failure was, empty without one; `FALL` where it is not given. Shape (N,)."""
    ground: "Ground | None" = None
    """What each episode walked on, leaves (N, ...); None is a level floor."""
    torque_limit: Floats | None = None
    """Torque limit of the servos of each episode, where it was drawn; None is the robot's own.
    Shape (N, n) [Nm]."""

    def __post_init__(self) -> None:
        """Convert, check and seal the arrays."""
        for name in _TRAILING:
            self._set(name, np.asarray(getattr(self, name), dtype=np.float64))
        for name in ("alive", "fell"):
            self._set(name, np.asarray(getattr(self, name), dtype=np.bool_))
        if self.torque_limit is not None:
            self._set("torque_limit", np.asarray(self.torque_limit, dtype=np.float64))
        cause = np.where(self.fell, FALL, "") if self.cause is None else np.asarray(self.cause)
        self._set("cause", cause.astype(np.str_))
        self._check_scalars()
        self._check_shapes()
        self._check_flags()
        self._seal()

    @property
    def steps(self) -> int:
        """Control steps recorded, T."""
        return int(self.alive.shape[0])

    @property
    def episodes(self) -> int:
        """Episodes recorded, N."""
        return int(self.alive.shape[1])

    @property
    def joints(self) -> int:
        """Joints of the robot, n."""
        return int(self.joint_vel.shape[2])

    @property
    def lasted(self) -> Bools:
        """Whether the episode ran and never failed, its end reached or called early. Shape (N,)."""
        return ~self.fell & self.alive.any(axis=0)

    def only(self, episodes: slice) -> Self:
        """Return some of the episodes; nothing of the others is held."""
        arrays = [f.name for f in fields(self) if isinstance(getattr(self, f.name), np.ndarray)]
        whole = {name: getattr(self, name) for name in arrays}
        return replace(
            self,
            **{
                name: (value[episodes] if name in _EPISODES_FIRST else value[:, episodes]).copy()
                for name, value in whole.items()
            },
            ground=None if self.ground is None else self.ground.only(episodes),
        )

    def _set(self, name: str, value: NDArray[np.generic]) -> None:
        object.__setattr__(self, name, value)

    def _recorded(self) -> Iterator[tuple[str, Floats]]:
        """Yield the name and array of every field of shape (T, N, ...) but `alive`."""
        return ((name, getattr(self, name)) for name in _TRAILING)

    def _check_scalars(self) -> None:
        for name in ("dt", "weight", "gait_period"):
            value = getattr(self, name)
            if value is None and name == "gait_period":
                continue
            if not (isfinite(value) and value > 0):
                raise ValueError(f"Trajectory.{name}: expected a positive number, got {value}")

    def _check_shapes(self) -> None:
        if self.alive.ndim != 2:
            raise ValueError(f"Trajectory.alive: expected shape (T, N), got {self.alive.shape}")
        joints = self.joint_vel.shape[-1] if self.joint_vel.ndim == 3 else "n"
        for name, value in self._recorded():
            trailing = tuple(joints if size == "n" else size for size in _TRAILING[name])
            self._check_shape(name, value.shape, (*self.alive.shape, *trailing))
        for name in ("fell", "cause"):
            self._check_shape(name, getattr(self, name).shape, self.alive.shape[1:])
        if self.torque_limit is not None:
            wanted = (*self.alive.shape[1:], joints)
            self._check_shape("torque_limit", self.torque_limit.shape, wanted)

    @staticmethod
    def _check_shape(name: str, found: tuple[int, ...], expected: tuple[int | str, ...]) -> None:
        if found != expected:
            wanted = ", ".join(str(size) for size in expected)
            raise ValueError(f"Trajectory.{name}: expected shape ({wanted}), got {found}")

    def _check_flags(self) -> None:
        revived = (~self.alive[:-1] & self.alive[1:]).any(axis=0)
        if revived.any():
            episode = int(np.argmax(revived))
            raise ValueError(f"Trajectory.alive: episode {episode} runs again after its end")
        standing = self.fell & self.alive[-1:].any(axis=0)
        if standing.any():
            episode = int(np.argmax(standing))
            raise ValueError(f"Trajectory.fell: episode {episode} fell, but is alive at its end")

    def _seal(self) -> None:
        """End each episode at its first non-finite sample; zero what comes after its end."""
        running = self.alive
        for _, value in self._recorded():
            finite = np.isfinite(value)
            if not finite.all():
                running = running & finite.all(axis=tuple(range(2, value.ndim)))
        running = np.logical_and.accumulate(running, axis=0)
        if running.all():
            return
        for name, value in self._recorded():
            mask = running.reshape(running.shape + (1,) * (value.ndim - 2))
            self._set(name, np.where(mask, value, 0.0))
        broke = (running != self.alive).any(axis=0)
        self._set("cause", np.where(broke, NOT_FINITE, np.asarray(self.cause)))
        self._set("fell", self.fell | broke)
        self._set("alive", running)
