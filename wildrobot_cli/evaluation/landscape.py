"""A robot's model on an episode's ground, to look at: what it walked on were planes of its own."""

from typing import TYPE_CHECKING

import mujoco
import numpy as np

from wildrobot_cli.evaluation.trajectory import Floats
from wildrobot_cli.robot import Robot

if TYPE_CHECKING:
    from wildrobot_cli.env.ground import Ground

CELL = 0.05
"""Side of the squares that ground is drawn in [m]: bumps are 0.2 m long and more."""
BEYOND = 6.0
"""How far beyond the places to be seen the ground goes on [m]."""
LEVEL = 1e-3
"""Height of ground that has none [m]: MuJoCo stretches a height field's data to its height."""
HIDDEN = 5
"""Group of geoms that are not rendered."""
_NAME = "landscape"


def on_ground(robot: Robot, ground: "Ground", places: Floats) -> mujoco.MjModel:
    """Compile the model to look at, its level floor replaced by the ground around some places.

    Args:
        robot: what stands on it.
        ground: of one episode.
        places: to be seen, in the world [m]. Shape (T, 2).
    """
    low, high = places.min(axis=0) - BEYOND, places.max(axis=0) + BEYOND
    columns, rows = np.ceil((high - low) / CELL).astype(int) + 1
    axes = np.linspace(low[0], high[0], columns), np.linspace(low[1], high[1], rows)
    heights = _heights(ground, np.stack(np.meshgrid(*axes), axis=-1))
    spec = mujoco.MjSpec.from_file(str(robot.mjcf_path))
    floor = next(g for g in spec.worldbody.geoms if g.type == mujoco.mjtGeom.mjGEOM_PLANE)
    rise = max(float(np.ptp(heights)), LEVEL)
    half = (high - low) / 2
    spec.add_hfield(
        name=_NAME,
        size=[*half, rise, CELL],
        nrow=int(rows),
        ncol=int(columns),
        userdata=(heights - heights.min()).ravel(),
    )
    spec.worldbody.add_geom(
        type=mujoco.mjtGeom.mjGEOM_HFIELD,
        hfieldname=_NAME,
        material=floor.material,
        group=floor.group,
        pos=[*(low + half), float(heights.min())],
        contype=0,
        conaffinity=0,
    )
    floor.group = HIDDEN
    return spec.compile()


def _heights(ground: "Ground", places: Floats) -> Floats:
    import jax.numpy as jnp

    from wildrobot_cli.env.ground import height_at

    return np.asarray(height_at(ground, jnp.asarray(places)), dtype=np.float64)
