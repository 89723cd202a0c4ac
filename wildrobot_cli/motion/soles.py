"""Where the soles are, by forward kinematics of the legs alone, over an array namespace.

An engine's own sensors lag positions by a substep; reference motion has no engine. So what is
compared between the two is computed from positions, here.
"""

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import mujoco
import numpy as np

from wildrobot_cli.robot import Robot
from wildrobot_cli.robot.sides import sole_sites

Array = Any


@dataclass(frozen=True, eq=False)
class Link:
    """A body on the way from the root to a sole, and the joint that moves it, if there is one."""

    position: np.ndarray
    """Of the body in its parent. Shape (3,) [m]."""
    turn: np.ndarray
    """Of the body in its parent. Shape (3, 3)."""
    axis: np.ndarray | None
    """Of the hinge, in the body's frame; None where the body is fixed. Shape (3,)."""
    anchor: np.ndarray
    """Of the hinge, in the body's frame. Shape (3,) [m]."""
    joint: int
    """The hinge's place in qpos."""
    zero: float
    """The hinge's angle in the reference pose [rad]."""


@dataclass(frozen=True, eq=False)
class Soles:
    """The chains from a robot's root to the centres of its soles, left and right."""

    links: tuple[tuple[Link, ...], ...]
    """From the root outwards, for each foot."""
    sites: tuple[np.ndarray, ...]
    """The sole's centre in its foot's frame. Shapes (3,) [m]."""
    root: slice
    """The root's position and quaternion in qpos."""

    @classmethod
    def of(cls, robot: Robot) -> "Soles":
        """Read the chains from the robot's model. Legs of hinges only."""
        model, sites = robot.model, sole_sites(robot)
        chains = tuple(_chain(robot, int(model.site_bodyid[site])) for site in sites)
        return cls(chains, tuple(np.array(model.site_pos[site]) for site in sites), robot.root_qpos)

    def positions(self, qpos: Array, xp: ModuleType) -> Array:
        """Sole centres, world frame. Shape (..., nq) -> (..., 2, 3) [m]."""
        root = qpos[..., self.root]
        soles = []
        for links, site in zip(self.links, self.sites, strict=True):
            place, turn = root[..., :3], _matrix(root[..., 3:], xp)
            for link in links:
                place = place + turn @ link.position
                turn = turn @ link.turn
                if link.axis is None:
                    continue
                bent = turn @ _about(link.axis, qpos[..., link.joint] - link.zero, xp)
                place = place + (turn - bent) @ link.anchor
                turn = bent
            soles.append(place + turn @ site)
        return xp.stack(soles, axis=-2)


def _chain(robot: Robot, body: int) -> tuple[Link, ...]:
    """The bodies from the root (left out) to a body."""
    links: list[Link] = []
    while body != robot.root_body:
        links.append(_link(robot.model, body))
        body = int(robot.model.body_parentid[body])
    return tuple(reversed(links))


def _link(model: mujoco.MjModel, body: int) -> Link:
    turn = np.zeros(9)
    mujoco.mju_quat2Mat(turn, model.body_quat[body])
    joint = int(model.body_jntadr[body])
    hinged = joint >= 0
    address = int(model.jnt_qposadr[joint]) if hinged else 0
    return Link(
        position=np.array(model.body_pos[body]),
        turn=turn.reshape(3, 3),
        axis=np.array(model.jnt_axis[joint]) if hinged else None,
        anchor=np.array(model.jnt_pos[joint]) if hinged else np.zeros(3),
        joint=address,
        zero=float(model.qpos0[address]) if hinged else 0.0,
    )


def _matrix(quat: Array, xp: ModuleType) -> Array:
    """Rotation matrix of a quaternion w x y z. Shape (..., 4) -> (..., 3, 3)."""
    w, x, y, z = (quat[..., i] for i in range(4))
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return xp.stack([xp.stack(row, axis=-1) for row in rows], axis=-2)


def _about(axis: np.ndarray, angle: Array, xp: ModuleType) -> Array:
    """Rotation matrix about a unit axis (Rodrigues). Shape (...,) -> (..., 3, 3)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = angle[..., None, None]
    return np.eye(3) + xp.sin(angle) * cross + (1 - xp.cos(angle)) * (cross @ cross)
