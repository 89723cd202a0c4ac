"""Model features with which MJX and MuJoCo C are known to differ, each measured on its own."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import jax.numpy as jnp
import mujoco
import numpy as np

from wildrobot_cli.config.environment import EnvConfig
from wildrobot_cli.env.environment import WildRobotEnv
from wildrobot_cli.robot import Robot
from wildrobot_cli.validation.compare import advance, draw_actions, largest, play


@dataclass(frozen=True)
class Breaker:
    """A feature of the model that breaks engine equality."""

    feature: str
    """What it is."""
    where: str
    """The geoms, actuators or settings that have it."""
    difference: float
    """Largest difference in qvel after one control step, with this breaker alone [m/s, rad/s]."""
    remedy: str
    """What to change."""


@dataclass(frozen=True)
class Feature:
    """A feature that may break equality: how to find it and how to switch it off."""

    name: str
    find: Callable[[mujoco.MjModel], list[str]]
    """Names of what has it; empty where it is absent."""
    remove: Callable[[mujoco.MjSpec], None]
    """Replaces it by the nearest thing that both engines compute alike."""
    remedy: str


def measure_breakers(
    robot: Robot, config: EnvConfig, seed: int, num_envs: int, num_steps: int, tolerance: float
) -> tuple[tuple[Breaker, ...], float | None]:
    """Return the breakers, and what difference is left without any of them [m/s, rad/s].

    Each is measured with all the others switched off.
    """
    present = [feature for feature in FEATURES if feature.find(robot.model)]
    if not present:
        return (), None

    def gap(kept: Feature | None) -> float:
        def edit(spec: mujoco.MjSpec) -> None:
            for feature in present:
                if feature is not kept:
                    feature.remove(spec)

        return _gap(robot.variant(edit), config, seed, num_envs, num_steps)

    measured = [(feature, gap(feature)) for feature in present]
    breakers = tuple(
        Breaker(feature.name, ", ".join(feature.find(robot.model)), difference, feature.remedy)
        for feature, difference in measured
        if difference > tolerance
    )
    return breakers, gap(None)


def _gap(robot: Robot, config: EnvConfig, seed: int, num_envs: int, num_steps: int) -> float:
    """Largest difference in qvel after single control steps; infinite where one is no number."""
    reference, candidate = (
        WildRobotEnv(config.model_copy(update={"engine": engine}), robot=robot)
        for engine in ("mujoco", "mjx")
    )
    actions = draw_actions(reference, seed, num_envs, num_steps)
    before, _ = play(reference, seed, actions)
    targets = reference.targets(jnp.asarray(actions))
    ours, theirs = (advance(env, before, targets).qvel for env in (reference, candidate))
    return largest(np.asarray(ours - theirs))


def _boxes(model: mujoco.MjModel) -> list[str]:
    touching = (model.geom_contype | model.geom_conaffinity) != 0
    boxes = np.flatnonzero(touching & (model.geom_type == mujoco.mjtGeom.mjGEOM_BOX))
    return [model.geom(i).name or f"geom {i}" for i in boxes]


def _round_boxes(spec: mujoco.MjSpec) -> None:
    """Put a sphere into each corner of every box, and let the spheres touch instead."""
    for box in list(spec.geoms):
        if box.type != mujoco.mjtGeom.mjGEOM_BOX or not (box.contype or box.conaffinity):
            continue
        radius = float(np.min(box.size)) / 2
        turn = np.zeros(9)
        mujoco.mju_quat2Mat(turn, np.asarray(box.quat, float))
        for corner in product((-1.0, 1.0), repeat=3):
            place = np.array(corner) * (np.asarray(box.size) - radius)
            box.parent.add_geom(
                type=mujoco.mjtGeom.mjGEOM_SPHERE,
                size=[radius, 0, 0],
                pos=np.asarray(box.pos) + turn.reshape(3, 3) @ place,
                mass=0.0,
                **{name: getattr(box, name) for name in _TOUCH},
            )
        box.contype = box.conaffinity = 0


_TOUCH = ("contype", "conaffinity", "condim", "priority", "friction", "solmix", "solref", "solimp")


def _elliptic(model: mujoco.MjModel) -> list[str]:
    return ["option cone"] if model.opt.cone == mujoco.mjtCone.mjCONE_ELLIPTIC else []


def _make_pyramidal(spec: mujoco.MjSpec) -> None:
    spec.option.cone = mujoco.mjtCone.mjCONE_PYRAMIDAL


def _clamped_velocity_terms(model: mujoco.MjModel) -> list[str]:
    if model.opt.integrator != mujoco.mjtIntegrator.mjINT_IMPLICITFAST:
        return []
    clamped = (model.actuator_biasprm[:, 2] != 0) & (model.actuator_forcelimited != 0)
    return [model.actuator(i).name or f"actuator {i}" for i in np.flatnonzero(clamped)]


def _integrate_by_euler(spec: mujoco.MjSpec) -> None:
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_EULER


FEATURES = (
    Feature(
        "contact of box geoms",
        _boxes,
        _round_boxes,
        "let spheres at the corners touch the floor instead",
    ),
    Feature("elliptic friction cone", _elliptic, _make_pyramidal, 'set <option cone="pyramidal"/>'),
    Feature(
        "implicitfast integrator with a velocity gain (kv) inside a clamped actuator",
        _clamped_velocity_terms,
        _integrate_by_euler,
        'move kv into the joint\'s damping, outside the clamp, or set <option integrator="Euler"/>',
    ),
)
"""Measured to break equality, and measured to do so no longer once removed."""
