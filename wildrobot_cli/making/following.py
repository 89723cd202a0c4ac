"""Following a motion with the robot's own servos, in physics, without any outside force.

Targets are the motion's joint angles plus the torque that it needs, over the servo's gain. Two
things are fed back: the capture point (centre of mass + velocity / omega; Hof 2008, Englsberger
et al. 2015) asks for a force through a shifted centre of pressure, and the root's tilt and turn for
a moment. Both are wrenches that the floor must give; they reach it through the legs' Jacobians, as
the motion's own do.
"""

from dataclasses import dataclass

import mujoco
import numpy as np

from wildrobot_cli.making.planning import Motion
from wildrobot_cli.making.recipe import Gains
from wildrobot_cli.robot import Robot

FALLEN = 0.8
"""Tilt at which following ends [rad]."""
LIGHT = 0.2
"""With less than this of the weight on the floor there is nothing to push against."""


@dataclass(frozen=True, eq=False)
class Realised:
    """What physics made of a motion: K + 1 states, a control period apart, the first as given."""

    finished: bool
    """Whether it stayed up to the end."""
    qpos: np.ndarray
    """Shape (K + 1, nq)."""
    qvel: np.ndarray
    """Shape (K + 1, nv)."""
    load: np.ndarray
    """Vertical force on each sole, left and right. Shape (K + 1, 2) [N]."""
    torque: np.ndarray
    """Shaft torque. Shape (K + 1, n) [Nm]."""
    speed: np.ndarray
    """Joint speeds, when the torque was taken. Shape (K + 1, n) [rad/s]."""
    tilt: np.ndarray
    """Angle of the root from upright. Shape (K + 1,) [rad]."""


class Follower:
    """A robot in physics that follows a motion."""

    def __init__(self, robot: Robot, motion: Motion, gains: Gains, substeps: int) -> None:
        """Stand at the motion's first sample."""
        self.robot, self.motion, self.gains, self.substeps = robot, motion, gains, substeps
        self._data = mujoco.MjData(robot.model)
        self._share = load_shares(motion)
        height = motion.dynamics.com[:, 2].mean()
        self._omega = float(np.sqrt(robot.weight / robot.mass / height))
        self._data.qpos[:], self._data.qvel[:] = motion.qpos[0], motion.dynamics.qvel[0]
        self._data.ctrl[:] = self._targets(0)
        self._read()

    def run(self) -> Realised:
        """Follow the motion to its end, or until the robot falls."""
        rows, finished = [self._row()], True
        for sample in range(0, len(self.motion.qpos) - 2, 2):
            self._data.ctrl[:] = self._targets(sample)
            for _ in range(self.substeps):
                mujoco.mj_step(self.robot.model, self._data)
            self._read()
            rows.append(self._row())
            if rows[-1][-1] > FALLEN or not np.isfinite(self._data.qpos).all():
                finished = False
                break
        columns = [np.array(column) for column in zip(*rows, strict=True)]
        return Realised(finished, *columns)

    def _read(self) -> None:
        """Compute sensors, torques and centre of mass of the present state."""
        mujoco.mj_forward(self.robot.model, self._data)
        mujoco.mj_subtreeVel(self.robot.model, self._data)

    def _row(self) -> tuple[np.ndarray, ...]:
        """The present state, in the order of `Realised`."""
        robot, data = self.robot, self._data
        speed = data.qvel[robot.qvel_ids]
        feet = (robot.feet.left, robot.feet.right)
        load = [sum(data.sensordata[switch][0] for switch in foot.switches) for foot in feet]
        up = data.xmat[robot.root_body].reshape(3, 3)[2, 2]
        torque = data.actuator_force - robot.damping * speed
        tilt = np.arccos(np.clip(up, -1.0, 1.0))
        return data.qpos.copy(), data.qvel.copy(), np.array(load), torque, speed, tilt

    def _targets(self, sample: int) -> np.ndarray:
        """Servo targets for the control period that begins at a sample. Shape (n,) [rad].

        The motion's own part is taken in the period's middle, half of it later.
        """
        robot, middle, needs = self.robot, sample + 1, self.motion.dynamics
        wrench = np.concatenate([needs.force[middle], needs.moment[middle]])
        wrench += self._correction(sample)
        torque = needs.torque[middle].copy()
        if wrench[2] > LIGHT * robot.weight:
            for foot, push in enumerate(self._pushes(middle, wrench)):
                torque -= (needs.jacobians[middle, foot].T @ push)[robot.qvel_ids]
        targets = self.motion.qpos[middle, robot.qpos_ids] + torque / robot.kp
        return np.clip(targets, robot.lower, robot.upper)

    def _correction(self, sample: int) -> np.ndarray:
        """Force and moment about the world's origin that lead back to the motion. (6,) [N, Nm]."""
        robot, gains, needs, data = self.robot, self.gains, self.motion.dynamics, self._data
        root, turn = robot.root_body, np.zeros(3)
        place = data.subtree_com[root]
        off = place - needs.com[sample]
        drift = data.subtree_linvel[root] - needs.com_velocity[sample]
        captured = off[:2] + drift[:2] / self._omega
        push = np.array([*(-robot.mass * self._omega**2 * gains.capture * captured), 0.0])
        rotation = data.xmat[root].reshape(3, 3)
        wanted = self.motion.qpos[sample, robot.root_qpos][3:]
        mujoco.mju_subQuat(turn, data.qpos[robot.root_qpos][3:], wanted)
        spin = data.qvel[robot.root_qvel][3:] - needs.qvel[sample, robot.root_qvel][3:]
        upright = rotation @ (-gains.attitude * turn - gains.attitude_rate * spin)
        return np.concatenate([push, upright + np.cross(place, push)])

    def _pushes(self, sample: int, wrench: np.ndarray) -> np.ndarray:
        """Divide a wrench about the origin over the soles. Shape (2, 6) [N, Nm].

        The least pushes, each weighted with the foot's share of the load and moments with
        `gains.moment`; moments stay within the soles.
        """
        soles, share = self.motion.dynamics.soles[sample], self._share[sample]
        maps = np.concatenate([_about_origin(sole) for sole in soles], axis=1)
        ease = np.tile([1.0, 1.0, 1.0, *[self.gains.moment**-2.0] * 3], 2) * np.repeat(share, 6)
        pushes = (ease * (maps.T @ np.linalg.solve(maps * ease @ maps.T, wrench))).reshape(2, 6)
        sideways, forward = self.gains.sole
        room = np.outer(np.maximum(pushes[:, 2], 0.0), [sideways, forward, forward])
        pushes[:, 3:] = np.clip(pushes[:, 3:], -room, room)
        return pushes


def load_shares(motion: Motion) -> np.ndarray:
    """Share of the load for each foot: what puts the centre of pressure between them. (T, 2)."""
    soles, pressure = motion.dynamics.soles[..., :2], motion.dynamics.pressure
    across = soles[:, 1] - soles[:, 0]
    along = ((pressure - soles[:, 0]) * across).sum(-1) / (across**2).sum(-1)
    both = motion.bearing.all(axis=1)
    right = np.where(both, np.clip(along, 0.0, 1.0), motion.bearing[:, 1].astype(float))
    return np.stack([1 - right, right], axis=-1)


def _about_origin(place: np.ndarray) -> np.ndarray:
    """Turns a wrench at a place into one about the origin. Shape (6, 6)."""
    x, y, z = place
    matrix = np.eye(6)
    matrix[3:, :3] = [[0, -z, y], [z, 0, -x], [-y, x, 0]]
    return matrix
