"""What a motion asks of the floor and of the servos, by inverse dynamics."""

from dataclasses import dataclass

import mujoco
import numpy as np

from wildrobot_cli.robot import Robot
from wildrobot_cli.robot.sides import sole_sites


@dataclass(frozen=True, eq=False)
class Dynamics:
    """Over T frames of a motion; feet ordered left, right."""

    qvel: np.ndarray
    """Generalized velocities. Shape (T, nv)."""
    force: np.ndarray
    """What the floor has to push with, world frame. Shape (T, 3) [N]."""
    moment: np.ndarray
    """Its moment about the world's origin. Shape (T, 3) [Nm]."""
    torque: np.ndarray
    """What the servos would do without a floor. Shape (T, n) [Nm]."""
    com: np.ndarray
    """Centre of mass. Shape (T, 3) [m]."""
    com_velocity: np.ndarray
    """Its velocity. Shape (T, 3) [m/s]."""
    soles: np.ndarray
    """Centres of the soles. Shape (T, 2, 3) [m]."""
    jacobians: np.ndarray
    """Of the soles, position then rotation. Shape (T, 2, 6, nv)."""

    @property
    def pressure(self) -> np.ndarray:
        """Where on the floor the force has no level moment. Shape (T, 2) [m]."""
        level = np.stack([-self.moment[:, 1], self.moment[:, 0]], axis=-1)
        return level / self.force[:, 2:]


def dynamics(robot: Robot, qpos: np.ndarray, dt: float, qvel: np.ndarray | None = None) -> Dynamics:
    """What it takes to move through frames `dt` apart.

    Args:
        robot: the robot.
        qpos: generalized positions. Shape (T, nq).
        dt: time between frames [s].
        qvel: generalized velocities, differences where not given. Shape (T, nv).
    """
    model, data = robot.model, mujoco.MjData(robot.model)
    qvel = velocities(model, qpos, dt) if qvel is None else qvel
    qacc = np.gradient(qvel, dt, axis=0)
    rows = [_frame(robot, model, data, *state) for state in zip(qpos, qvel, qacc, strict=True)]
    return Dynamics(qvel, *(np.array(column) for column in zip(*rows, strict=True)))


def velocities(model: mujoco.MjModel, qpos: np.ndarray, dt: float) -> np.ndarray:
    """Central differences of positions, one-sided at the ends. Shape (T, nq) -> (T, nv)."""
    steps = np.zeros((len(qpos) - 1, model.nv))
    for k, step in enumerate(steps):
        mujoco.mj_differentiatePos(model, step, dt, qpos[k], qpos[k + 1])
    return np.concatenate([steps[:1], (steps[1:] + steps[:-1]) / 2, steps[-1:]])


def _frame(
    robot: Robot,
    model: mujoco.MjModel,
    data: mujoco.MjData,
    qpos: np.ndarray,
    qvel: np.ndarray,
    qacc: np.ndarray,
) -> tuple[np.ndarray, ...]:
    """One frame of `Dynamics`, in its order."""
    data.qpos[:], data.qvel[:] = qpos, qvel
    mujoco.mj_fwdPosition(model, data)
    mujoco.mj_fwdVelocity(model, data)
    mujoco.mj_subtreeVel(model, data)
    needed = np.zeros(model.nv)
    mujoco.mj_mulM(model, data, needed, qacc)
    needed += data.qfrc_bias - data.qfrc_passive
    root, push = robot.root_body, needed[robot.root_qvel]
    turned = data.xmat[root].reshape(3, 3) @ push[3:]
    sites, jacobians = sole_sites(robot), np.zeros((2, 6, model.nv))
    for jacobian, site in zip(jacobians, sites, strict=True):
        mujoco.mj_jacSite(model, data, jacobian[:3], jacobian[3:], site)
    return (
        push[:3],
        turned + np.cross(data.xpos[root], push[:3]),
        needed[robot.qvel_ids],
        data.subtree_com[root].copy(),
        data.subtree_linvel[root].copy(),
        data.site_xpos[list(sites)].copy(),
        jacobians,
    )
