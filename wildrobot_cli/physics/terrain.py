"""A robot's model with a floor in pieces, one under each thing that touches it. Needs no JAX.

A plane for every foot sphere can be laid along any ground, and a sphere on a plane is the contact
that MJX and MuJoCo C agree on; on a height field they do not (docs/robustness.md).
"""

from dataclasses import dataclass

import mujoco
import numpy as np

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.robot import Robot

_PIECE = "ground_under_{}"
_PLACE = "place_of_{}"
_FAR = 100.0
"""Beyond any height at home [m]."""
_BITS = 31
"""Bits of a geom's contact masks."""


@dataclass(frozen=True, eq=False)
class Pieces:
    """Where in a model the floor's pieces are, k of them, and what each of them carries."""

    geoms: np.ndarray
    """The planes. Shape (k,)."""
    places: np.ndarray
    """Where in sensordata the positions of what touches them stand [m]. Shape (k, 3)."""
    clearance: np.ndarray
    """From its position down to the lowest point of what touches a piece, in the home pose [m].

    A sphere's radius, whichever way it is turned; half the height of a box that lies flat. (k,).
    """


def in_pieces(robot: Robot) -> tuple[Robot, Pieces]:
    """Return the robot on a floor in pieces.

    Sensors that tell the pieces' places come after the robot's own; everything else stays.

    Raises:
        ConfigError: there is no level floor, or too much that touches it.
    """
    names: list[str] = []

    def edit(spec: mujoco.MjSpec) -> None:
        names.extend(_divide(spec, robot.name))

    changed = robot.variant(edit)
    model = changed.model
    starts = [model.sensor(_PLACE.format(name)).adr[0] for name in names]
    geoms = np.array([model.geom(_PIECE.format(name)).id for name in names])
    return changed, Pieces(
        geoms=geoms,
        places=np.array(starts)[:, None] + np.arange(3),
        clearance=_clearance(changed, geoms, [model.geom(name).id for name in names]),
    )


def _clearance(robot: Robot, pieces: np.ndarray, touching: list[int]) -> np.ndarray:
    """Measure from each geom's position down to its lowest point, at home. Shape (k,) [m]."""
    model, data = robot.model, mujoco.MjData(robot.model)
    data.qpos[:] = robot.home_qpos
    mujoco.mj_kinematics(model, data)
    data.geom_xpos[pieces], data.geom_xmat[pieces] = 0.0, np.eye(3).ravel()
    pairs = zip(pieces, touching, strict=True)
    gaps = [mujoco.mj_geomDistance(model, data, *pair, _FAR, None) for pair in pairs]
    return np.asarray(data.geom_xpos[touching, 2] - gaps)


def _divide(spec: mujoco.MjSpec, robot: str) -> list[str]:
    """Replace the floor by pieces; return the names of the geoms that touch one each."""
    floors = [g for g in spec.worldbody.geoms if g.type == mujoco.mjtGeom.mjGEOM_PLANE]
    if len(floors) != 1:
        raise ConfigError(
            f"env.terrain: robot '{robot}' has {len(floors)} planes in its world; expected 1, "
            "the floor that the terrain replaces"
        )
    floor, others = floors[0], [g for g in spec.geoms if g.parent != spec.worldbody]
    touching = [g for g in others if _touch(g, floor)]
    used = max(int(g.contype | g.conaffinity) for g in (*others, floor)).bit_length()
    if used + len(touching) > _BITS:
        raise ConfigError(
            f"env.terrain: {len(touching)} geoms of robot '{robot}' touch the floor; "
            f"expected at most {_BITS - used}"
        )
    for index, geom in enumerate(touching):
        geom.name = geom.name or f"geom_{index}"
        _add_piece(spec, floor, geom, 1 << (used + index))
    floor.contype = floor.conaffinity = 0
    return [geom.name for geom in touching]


def _touch(geom: mujoco.MjsGeom, floor: mujoco.MjsGeom) -> bool:
    return bool(geom.contype & floor.conaffinity or floor.contype & geom.conaffinity)


def _add_piece(spec: mujoco.MjSpec, floor: mujoco.MjsGeom, geom: mujoco.MjsGeom, bit: int) -> None:
    """Add a plane for one geom, of the floor's make, and a sensor that tells where the geom is."""
    same = ("condim", "friction", "margin", "gap", "priority", "solmix", "solref", "solimp")
    # MuJoCo never moves a geom that is compiled at its body's own pose.
    tilted = [np.cos(0.5), np.sin(0.5), 0.0, 0.0]
    spec.worldbody.add_geom(
        name=_PIECE.format(geom.name),
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=floor.size,
        pos=[0.0, 0.0, -1.0],
        quat=tilted,
        contype=bit,
        conaffinity=0,
        **{name: getattr(floor, name) for name in same},
    )
    geom.conaffinity |= bit
    spec.add_sensor(
        name=_PLACE.format(geom.name),
        type=mujoco.mjtSensor.mjSENS_FRAMEPOS,
        objtype=mujoco.mjtObj.mjOBJ_GEOM,
        objname=geom.name,
    )
