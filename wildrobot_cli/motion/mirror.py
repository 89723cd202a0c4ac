"""The same motion seen in a mirror: left and right swapped about the x-z plane."""

from dataclasses import replace

import mujoco
import numpy as np

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.motion.clip import Clip
from wildrobot_cli.robot import Robot

SUFFIX = "_mirrored"
"""Added to the name of a mirrored clip."""

VECTOR = np.array([1.0, -1.0, 1.0])
"""Signs of the image of a position or a velocity: forward, leftward, up."""
RATES = np.array([-1.0, 1.0, -1.0])
"""Signs of the image of angular velocities."""
COMMAND = np.array([1.0, -1.0, -1.0])
"""Signs of the image of a command: forward, leftward, turning."""
_QUATERNION = np.array([1.0, -1.0, 1.0, -1.0])


def mirror(robot: Robot, clip: Clip) -> Clip:
    """Mirror a clip whose joints are in the robot's order.

    Raises:
        ConfigError: a joint of the robot has no partner.
    """
    linear = clip.velocity[:, :3] * VECTOR
    rates = clip.velocity[:, 3:6] * RATES
    joints = mirror_angles(robot, clip.velocity[:, 6:])
    return replace(
        clip,
        name=clip.name + SUFFIX,
        root_position=clip.root_position * VECTOR,
        root_quaternion=clip.root_quaternion * _QUATERNION,
        joint_angles=mirror_angles(robot, clip.joint_angles),
        velocity=np.concatenate([linear, rates, joints], axis=-1),
        command=clip.command * COMMAND,
        phase=clip.phase + np.pi,
    )


def mirror_angles(robot: Robot, angles: np.ndarray) -> np.ndarray:
    """Mirror joint angles or speeds. Shape (..., n)."""
    partners, signs = mirror_joints(robot)
    return angles[..., partners] * signs


def mirror_joints(robot: Robot) -> tuple[np.ndarray, np.ndarray]:
    """Return each joint's partner on the other side, and the sign of its mirror image.

    Partners are told by their names, `left` for `right`. A rotation about y keeps its sign in
    the mirror, one about x or z changes it: of the world, at home, as bodies' own frames may
    be turned any way. Shapes (n,), int and float32.

    Raises:
        ConfigError: a joint has no partner.
    """
    names, model, data = robot.joint_names, robot.model, mujoco.MjData(robot.model)
    partners = [_partner(robot, name) for name in names]
    data.qpos[:] = robot.home_qpos
    mujoco.mj_kinematics(model, data)
    axes = np.array([data.xaxis[model.joint(name).id] for name in names])
    hinge = [model.jnt_type[model.joint(name).id] == mujoco.mjtJoint.mjJNT_HINGE for name in names]
    across = np.abs(axes[:, 1]) > np.abs(axes[:, [0, 2]]).max(axis=1)
    same = (axes * axes[partners]).sum(axis=1) > 0
    signs = np.where(across == hinge, 1.0, -1.0) * np.where(same, 1.0, -1.0)
    return np.array(partners), signs.astype(np.float32)


def _partner(robot: Robot, name: str) -> int:
    swapped = {"left": "right", "right": "left"}
    words = [swapped.get(word, word) for word in name.split("_")]
    other = "_".join(words)
    if other not in robot.joint_names:
        raise ConfigError(f"robot '{robot.name}': joint '{name}' has no partner '{other}'")
    return robot.joint_names.index(other)
