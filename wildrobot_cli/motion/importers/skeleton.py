"""From a skeleton's rotations to a robot's joint angles."""

from dataclasses import dataclass

import numpy as np

from wildrobot_cli.errors import ConfigError, suggest
from wildrobot_cli.motion.clip import Clip, make_clip, require_frames
from wildrobot_cli.motion.importers.options import ImportOptions
from wildrobot_cli.motion.quaternions import about, multiply, rotate
from wildrobot_cli.robot import Robot
from wildrobot_cli.runtime.observing.rotations import yaw


@dataclass(frozen=True, eq=False)
class Recording:
    """T frames of a recorded motion, x forward, z up."""

    where: str
    """What messages call the file."""
    fps: float
    """Frames per second [Hz]."""
    position: np.ndarray
    """Root, world frame. Shape (T, 3) [m]."""
    quaternion: np.ndarray
    """Root, w x y z. Shape (T, 4)."""
    channels: dict[str, np.ndarray]
    """Angles by name: a hinge's own, or a rotation about one axis, `Knee.y`. Shapes (T,) [rad]."""


def clip_from(robot: Robot, recording: Recording, name: str, options: ImportOptions) -> Clip:
    """Match a recording's channels to the robot's joints by name.

    Raises:
        ConfigError: there are too few frames, or listing the joints that have no channel.
    """
    require_frames(recording.where, len(recording.position))
    unknown = [joint for joint in options.joints if joint not in robot.joint_names]
    if unknown:
        hint = suggest(unknown[0], robot.joint_names)
        raise ConfigError(f"--joint {unknown[0]}: no such joint of '{robot.name}'{hint}")
    wanted = {joint: options.joints.get(joint, joint) for joint in robot.joint_names}
    missing = [
        joint for joint, channel in wanted.items() if channel.lstrip("-") not in recording.channels
    ]
    if missing:
        asked = wanted[missing[0]].lstrip("-")
        hint = suggest(asked, recording.channels)
        raise ConfigError(f"{recording.where}: no channel for {', '.join(missing)}{hint}")
    angles = [_channel(recording, channel) for channel in wanted.values()]
    position, quaternion = _from_origin(recording)
    return make_clip(
        name,
        recording.fps,
        robot.joint_names,
        position * options.scale,
        quaternion,
        np.stack(angles, axis=-1),
        source=options.source,
        licence=options.licence,
    )


def _channel(recording: Recording, channel: str) -> np.ndarray:
    values = recording.channels[channel.lstrip("-")]
    return -values if channel.startswith("-") else values


def _from_origin(recording: Recording) -> tuple[np.ndarray, np.ndarray]:
    """Turn and move a recording so that it starts at x = y = 0, heading along x."""
    position, quaternion = np.atleast_2d(recording.position), recording.quaternion
    back = about("z", -yaw(quaternion[0], np))
    start = position[0] * np.array([1.0, 1.0, 0.0])
    return rotate(back, position - start), multiply(back, quaternion)
