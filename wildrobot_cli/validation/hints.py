"""What kind of difference it is: a sign, a factor, a delay, two values swapped, a model field."""

from itertools import combinations
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np
from brax.envs.base import State

from wildrobot_cli.env.environment import WildRobotEnv

_FIELDS = (
    "body_mass",
    "body_inertia",
    "body_ipos",
    "body_pos",
    "jnt_range",
    "jnt_axis",
    "dof_damping",
    "dof_armature",
    "dof_frictionloss",
    "geom_friction",
    "geom_size",
    "geom_type",
    "actuator_gainprm",
    "actuator_biasprm",
    "actuator_forcerange",
    "sensor_type",
)
"""Fields of an `MjModel` that decide how it moves."""
_OPTIONS = ("gravity", "timestep", "integrator", "cone", "wind", "density", "viscosity")


def describe_difference(
    ours: np.ndarray, theirs: np.ndarray, tolerance: float, labels: tuple[str, ...] = ()
) -> str:
    """Say what would turn a reference's values into a candidate's; empty if nothing known would.

    Args:
        ours: the reference's values. Shape (steps, num_envs, d).
        theirs: the candidate's. The same shape.
        tolerance: largest absolute difference that counts as equal.
        labels: names of the d values.
    """

    def equal(a: np.ndarray, b: np.ndarray) -> bool:
        return bool(np.all(np.abs(a - b) <= tolerance))

    if not np.isfinite(theirs).all():
        return "not finite"
    if equal(theirs, -ours):
        return "the sign is flipped"
    if len(ours) > 1 and equal(theirs[1:], ours[:-1]):
        return "one control step late"
    factor = float(np.sum(ours * theirs) / max(np.sum(ours * ours), 1e-300))
    if equal(theirs, factor * ours):
        return f"{factor:.6g} times the reference"
    for i, j in combinations(range(ours.shape[-1]), 2):
        swapped = ours.copy()
        swapped[..., [i, j]] = ours[..., [j, i]]
        if equal(theirs, swapped):
            names = labels or tuple(str(k) for k in range(ours.shape[-1]))
            return f"{names[i]} and {names[j]} are swapped"
    return ""


def model_differences(ours: mujoco.MjModel, theirs: mujoco.MjModel) -> str:
    """Name the fields in which two models of one robot differ, with the first value that does."""
    pairs = {
        f"opt.{name}": (getattr(ours.opt, name), getattr(theirs.opt, name)) for name in _OPTIONS
    }
    pairs |= {name: (getattr(ours, name), getattr(theirs, name)) for name in _FIELDS}
    return "; ".join(
        text for name, (a, b) in pairs.items() if (text := _first_difference(name, a, b))
    )


def _first_difference(name: str, ours: Any, theirs: Any) -> str:
    a, b = np.atleast_1d(ours), np.atleast_1d(theirs)
    if a.shape != b.shape:
        return f"{name} has shape {b.shape}, not {a.shape}"
    places = np.argwhere(a != b)
    if not len(places):
        return ""
    place = tuple(places[0])
    index = "" if a.size == 1 else str([int(i) for i in place])
    return f"{name}{index} is {b[place]:.6g}, not {a[place]:.6g}"


def swapped_targets(
    env: WildRobotEnv, before: State, targets: jax.Array, qvel: Any, tolerance: float
) -> str:
    """Say which two joints' targets an engine takes for one another, if that explains `qvel`.

    Args:
        env: the reference.
        before: the first of its states are stepped from. Leaves (steps, num_envs, ...).
        targets: what both engines were given. Shape (steps, num_envs, n).
        qvel: what the candidate's engine made of it. Shape (steps, num_envs, nv).
        tolerance: largest absolute difference that counts as equal.
    """
    episodes = jax.tree.map(lambda leaf: leaf[0], before.pipeline_state)
    wrench = jnp.zeros((targets.shape[1], 6), targets.dtype)
    step = jax.jit(jax.vmap(env.engine.step))
    names = env.robot.joint_names
    for i, j in combinations(range(len(names)), 2):
        swapped = targets[0].at[:, jnp.array([i, j])].set(targets[0][:, jnp.array([j, i])])
        after = step(episodes.params, episodes.physics, swapped, wrench)
        if np.max(np.abs(np.asarray(after.qvel) - qvel[0])) <= tolerance:
            return f"{names[i]} and {names[j]} are swapped"
    return ""
