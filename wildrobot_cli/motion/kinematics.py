"""Where a clip puts the feet and the legs, by forward kinematics."""

from dataclasses import dataclass

import mujoco
import numpy as np

from wildrobot_cli.robot import Robot
from wildrobot_cli.robot.sides import sole_sites

FAR = 0.05
"""Legs further apart than this are not measured more closely [m]."""


@dataclass(frozen=True, eq=False)
class Kinematics:
    """Over T frames; feet ordered left, right."""

    soles: np.ndarray
    """Centres of the soles, world frame. Shape (T, 2, 3) [m]."""
    lowest: np.ndarray
    """Height of each sole's lowest point above the floor. Shape (T, 2) [m]."""
    gap: np.ndarray
    """Least distance between the left and the right leg, at most `FAR`. Shape (T,) [m]."""


def kinematics(robot: Robot, qpos: np.ndarray) -> Kinematics:
    """Measure frames of generalized positions. Shape (T, nq)."""
    model = robot.visual_model()
    data = mujoco.MjData(model)
    sites = sole_sites(robot)
    floor = _floor(model)
    spheres = [_touching(model, model.site_bodyid[site]) for site in sites]
    pairs = _leg_pairs(model, robot.root_body, [model.site_bodyid[site] for site in sites])
    soles, lowest, gap = np.zeros((len(qpos), 2, 3)), np.zeros((len(qpos), 2)), np.zeros(len(qpos))
    for frame, row in enumerate(qpos):
        data.qpos[:] = row
        mujoco.mj_kinematics(model, data)
        soles[frame] = data.site_xpos[list(sites)]
        for foot, geoms in enumerate(spheres):
            lowest[frame, foot] = min(_distance(model, data, floor, geom, 1.0) for geom in geoms)
        gap[frame] = min(_distance(model, data, a, b, FAR) for a, b in pairs)
    return Kinematics(soles, lowest, gap)


def _distance(model: mujoco.MjModel, data: mujoco.MjData, a: int, b: int, most: float) -> float:
    return float(mujoco.mj_geomDistance(model, data, a, b, most, None))


def _floor(model: mujoco.MjModel) -> int:
    return int(np.flatnonzero(model.geom_type == mujoco.mjtGeom.mjGEOM_PLANE)[0])


def _touching(model: mujoco.MjModel, body: int) -> list[int]:
    """Geoms of a body that can touch something."""
    collides = (model.geom_contype | model.geom_conaffinity) != 0
    return [int(geom) for geom in np.flatnonzero(collides & (model.geom_bodyid == body))]


def _leg_pairs(model: mujoco.MjModel, root: int, feet: list[int]) -> list[tuple[int, int]]:
    """Geoms of one leg with geoms of the other."""
    legs = []
    for foot in feet:
        bodies, body = [], int(foot)
        while body not in (root, 0):
            bodies.append(body)
            body = int(model.body_parentid[body])
        legs.append([int(geom) for geom in np.flatnonzero(np.isin(model.geom_bodyid, bodies))])
    return [(a, b) for a in legs[0] for b in legs[1]]
