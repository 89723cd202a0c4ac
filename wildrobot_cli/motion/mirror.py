"""The same motion seen in a mirror: left and right swapped about the x-z plane."""

from dataclasses import replace

import mujoco
import numpy as np

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.motion.clip import Clip
from wildrobot_cli.robot import Robot
from wildrobot_cli.robot.sides import partners, sole_sites

SUFFIX = "_mirrored"
"""Added to the name of a mirrored clip."""

VECTOR = np.array([1.0, -1.0, 1.0])
"""Signs of the image of a position or a velocity: forward, leftward, up."""
RATES = np.array([-1.0, 1.0, -1.0])
"""Signs of the image of angular velocities."""
COMMAND = np.array([1.0, -1.0, -1.0])
"""Signs of the image of a command: forward, leftward, turning."""
_QUATERNION = np.array([1.0, -1.0, 1.0, -1.0])
_POSES, _BEND, _NEAR = 8, 0.3, 2e-3
"""Poses that are looked at in the mirror, how far from home [rad]; what is near enough [m]."""


def mirror(robot: Robot, clip: Clip) -> Clip:
    """Mirror a clip whose joints are in the robot's order.

    Raises:
        ConfigError: as `mirror_joints`.
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
    others, signs = mirror_joints(robot)
    return angles[..., others] * signs


def mirror_joints(robot: Robot) -> tuple[np.ndarray, np.ndarray]:
    """Return each joint's partner on the other side, and the sign of its mirror image.

    A rotation about y keeps its sign in the mirror, one about x or z changes it: of the root, as
    bodies' own frames may be turned any way. Shapes (n,), int and float32.

    Raises:
        ConfigError: a joint has no partner, or the soles are not where a mirror would show them.
    """
    names, model, data = robot.joint_names, robot.model, _at_home(robot)
    others = _partners(robot)
    axes = np.array([data.xaxis[model.joint(name).id] for name in names])
    hinge = [model.jnt_type[model.joint(name).id] == mujoco.mjtJoint.mjJNT_HINGE for name in names]
    across = np.abs(axes[:, 1]) > np.abs(axes[:, [0, 2]]).max(axis=1)
    same = (axes * axes[others]).sum(axis=1) > 0
    signs = np.where(across == hinge, 1.0, -1.0) * np.where(same, 1.0, -1.0)
    apart = _apart(robot, data, others, signs)
    if apart > _NEAR:
        raise ConfigError(
            f"robot '{robot.name}': mirrored joint angles put its soles {1e3 * apart:.0f} mm away "
            "from where a mirror shows them: its legs are not each other's image"
        )
    return others, signs.astype(np.float32)


def _at_home(robot: Robot) -> mujoco.MjData:
    """The robot's kinematics in its home pose, its root in the world's origin."""
    data = mujoco.MjData(robot.model)
    data.qpos[:] = robot.home_qpos
    data.qpos[robot.root_qpos] = 0, 0, 0, 1, 0, 0, 0
    mujoco.mj_kinematics(robot.model, data)
    return data


def _apart(robot: Robot, data: mujoco.MjData, others: np.ndarray, signs: np.ndarray) -> float:
    """How far soles are from where a mirror shows them, at worst of some poses [m]."""
    sites = list(sole_sites(robot))

    def soles(angles: np.ndarray) -> np.ndarray:
        data.qpos[robot.qpos_ids] = angles
        mujoco.mj_kinematics(robot.model, data)
        return data.site_xpos[sites].copy()

    home = robot.home_qpos[robot.qpos_ids]
    poses = home + np.random.default_rng(0).uniform(-_BEND, _BEND, (_POSES, len(home)))
    gaps = [soles(pose[others] * signs) - soles(pose)[::-1] * VECTOR for pose in poses]
    return float(np.abs(gaps).max())


def _partners(robot: Robot) -> np.ndarray:
    """Return the index of each joint's partner. Shape (n,)."""
    found = partners(robot)
    for name, partner in zip(robot.joint_names, found, strict=True):
        if partner is None:
            raise ConfigError(
                f"robot '{robot.name}': joint '{name}' has no partner on the other side"
            )
    return np.array(found)
