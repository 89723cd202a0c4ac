"""One reference motion of a robot."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wildrobot_cli.errors import ConfigError, suggest
from wildrobot_cli.motion.rates import differences, mean_command
from wildrobot_cli.robot import Robot

MIN_FRAMES = 10
"""Fewer frames than this are no motion."""
UNIT_TOLERANCE = 1e-3
"""A quaternion's length may differ from 1 by this."""


@dataclass(frozen=True, eq=False)
class Clip:
    """T frames of a robot with n joints, evenly spaced in time. Arrays are read-only.

    Raises:
        ConfigError: naming the clip and what of it does not fit.
    """

    name: str
    """What the clip is called."""
    fps: float
    """Frames per second [Hz]."""
    joint_names: tuple[str, ...]
    """The joints, in the order of the angles."""
    root_position: np.ndarray
    """World frame, floor at z = 0. Shape (T, 3) [m]."""
    root_quaternion: np.ndarray
    """w x y z, root to world, of unit length. Shape (T, 4)."""
    joint_angles: np.ndarray
    """Shape (T, n) [rad]."""
    velocity: np.ndarray
    """Root velocity, world [m/s]; root rates, own frame; joint speeds [rad/s]. Shape (T, 6 + n)."""
    command: np.ndarray
    """Labelled forward and leftward velocity [m/s] and turning rate [rad/s]. Shape (T, 3)."""
    phase: np.ndarray
    """Phase of the left foot, 0 at its lift-off, growing evenly. Shape (T,) [rad]."""
    frequency: float
    """Strides in a second; 0 where there is no gait [Hz]."""
    loop: bool
    """Whether the last frame is the first one again, further on by the way and turn of a lap."""
    held_out: bool
    """Whether it is kept from training, to measure with."""
    source: str
    """Where the motion comes from, with attribution."""
    licence: str
    """What may be done with it: an SPDX identifier where there is one."""

    def __post_init__(self) -> None:
        """Check and seal the arrays."""
        frames, joints = len(self.root_position), len(self.joint_names)
        if not (np.isfinite(self.fps) and self.fps > 0):
            raise ConfigError(f"{self.name}: fps: expected a number above 0, got {self.fps}")
        if not (np.isfinite(self.frequency) and self.frequency >= 0):
            expected = "expected a number of 0 or more"
            raise ConfigError(f"{self.name}: frequency: {expected}, got {self.frequency}")
        twice = [name for name in self.joint_names if self.joint_names.count(name) > 1]
        if twice:
            raise ConfigError(f"{self.name}: joint_names: '{twice[0]}' stands twice")
        self._seal("root_position", (frames, 3))
        self._seal("root_quaternion", (frames, 4))
        self._seal("joint_angles", (frames, joints))
        self._seal("velocity", (frames, 6 + joints))
        self._seal("command", (frames, 3))
        self._seal("phase", (frames,))
        length = np.linalg.norm(self.root_quaternion, axis=-1)
        worst = length[np.abs(length - 1).argmax()]
        if abs(worst - 1) > UNIT_TOLERANCE:
            expected = "expected w x y z of length 1"
            raise ConfigError(f"{self.name}: root_quaternion: {expected}, got length {worst:.4g}")

    @property
    def frames(self) -> int:
        """Number of frames, T."""
        return len(self.root_position)

    @property
    def seconds(self) -> float:
        """Time from the first frame to the last, of a loop that is a lap [s]."""
        return (self.frames - 1) / self.fps

    def _seal(self, name: str, shape: tuple[int, ...]) -> None:
        value = np.array(getattr(self, name), dtype=np.float64)
        if value.shape != shape:
            raise ConfigError(f"{self.name}: {name}: expected shape {shape}, got {value.shape}")
        if not np.isfinite(value).all():
            frame = int(np.argwhere(~np.isfinite(value))[0, 0])
            raise ConfigError(f"{self.name}: {name}: frame {frame}: expected finite numbers")
        value.flags.writeable = False
        object.__setattr__(self, name, value)


def make_clip(
    name: str,
    fps: float,
    joint_names: tuple[str, ...],
    root_position: np.ndarray,
    root_quaternion: np.ndarray,
    joint_angles: np.ndarray,
    *,
    source: str,
    licence: str,
    velocity: np.ndarray | None = None,
    command: np.ndarray | None = None,
    phase: np.ndarray | None = None,
    frequency: float = 0.0,
    loop: bool = False,
    held_out: bool = False,
) -> Clip:
    """Make a clip from poses. Where not given, velocities are differences, the label is measured.

    Raises:
        ConfigError: naming the clip and what of it does not fit.
    """
    frames, joints = len(root_position), len(joint_names)
    require_frames(name, frames)
    bare = Clip(
        name=name,
        fps=fps,
        joint_names=joint_names,
        root_position=root_position,
        root_quaternion=root_quaternion,
        joint_angles=joint_angles,
        velocity=np.zeros((frames, 6 + joints)) if velocity is None else velocity,
        command=np.zeros((frames, 3)) if command is None else command,
        phase=np.zeros(frames) if phase is None else phase,
        frequency=frequency,
        loop=loop,
        held_out=held_out,
        source=source,
        licence=licence,
    )
    poses = (bare.root_position, bare.root_quaternion)
    filled: dict[str, Any] = {}
    if velocity is None:
        filled["velocity"] = differences(*poses, bare.joint_angles, fps)
    if command is None:
        filled["command"] = np.tile(mean_command(*poses, fps), (frames, 1))
    return replace(bare, **filled) if filled else bare


def require_frames(where: str, count: int) -> None:
    """Raise `ConfigError` for so few frames that they are no motion."""
    if count < MIN_FRAMES:
        raise ConfigError(f"{where}: expected {MIN_FRAMES} frames or more, got {count}")


def positions(robot: Robot, clip: Clip) -> np.ndarray:
    """Frames as the robot's generalized positions, joints matched by name. Shape (T, nq).

    Raises:
        ConfigError: listing the joints that are missing.
    """
    order = joint_order(robot, clip)
    qpos = np.tile(robot.home_qpos, (clip.frames, 1))
    qpos[:, robot.root_qpos] = np.concatenate([clip.root_position, clip.root_quaternion], axis=-1)
    qpos[:, robot.qpos_ids] = clip.joint_angles[:, order]
    return qpos


def speeds(robot: Robot, clip: Clip) -> np.ndarray:
    """Frames as the robot's generalized velocities, joints matched by name. Shape (T, nv).

    Raises:
        ConfigError: listing the joints that are missing.
    """
    order = joint_order(robot, clip)
    qvel = np.zeros((clip.frames, robot.model.nv))
    qvel[:, robot.root_qvel] = clip.velocity[:, :6]
    qvel[:, robot.qvel_ids] = clip.velocity[:, 6:][:, order]
    return qvel


def joint_order(robot: Robot, clip: Clip) -> list[int]:
    """Return where each of the robot's joints stands among the clip's.

    Raises:
        ConfigError: listing the joints that are missing, or more than the robot has.
    """
    missing = [name for name in robot.joint_names if name not in clip.joint_names]
    if missing:
        hint = suggest(missing[0], clip.joint_names)
        listed = ", ".join(missing)
        raise ConfigError(f"{clip.name}: no joint {listed} of the robot '{robot.name}'{hint}")
    return [clip.joint_names.index(name) for name in robot.joint_names]
