"""The model constants that follow from masses, inertias and armature, as a JAX program.

MuJoCo computes them when it compiles a model, and `mj_setConst` does so anew after a change. MJX
has no such function: a model whose masses differ must be handed these constants with them.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import mujoco
import numpy as np

from wildrobot_cli.physics.protocol import Params

INPUTS = frozenset({"body_mass", "body_inertia", "body_ipos", "dof_armature"})
"""The randomizable fields that the constants follow from."""

_SLIDES_ONLY = 2
"""`body_simple` of a body that moves without turning: its weight is its mass alone."""

_TRIPLES = {int(mujoco.mjtJoint.mjJNT_FREE): 2, int(mujoco.mjtJoint.mjJNT_BALL): 1}
"""How many times three degrees of freedom such a joint has that share their weight."""

Fields = dict[str, Any]
"""Values of `INPUTS`: NumPy arrays of the robot's own, JAX arrays of the parameters'."""


class DerivedConstants:
    """What `mj_setConst` derives from `INPUTS`, for one model and any parameters.

    Source: MuJoCo's `engine_setconst.c`, functions `setFixed`, `mj_setM0` and `set0`. All are
    taken at the reference pose `qpos0`, where Jacobians and moment arms are MuJoCo's own, but
    for a shift of the centres of mass. With J, R the Jacobians of a body's centre of mass and of
    its rotation, the inertia matrix is M = sum(m J'J + R'I R) + diag(armature).

    Left out is what neither MJX nor MuJoCo Warp reads for the motion: offsets of cameras and
    lights from a centre of mass, and the model's statistics.
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        """Read from MuJoCo all that parameters do not change, in JAX's present precision."""
        cast = partial(np.array, dtype=jnp.result_type(float))
        data = mujoco.MjData(model)
        mujoco.mj_fwdPosition(model, data)
        jacobian = np.zeros((model.nbody, 2, 3, model.nv))
        for body in range(model.nbody):
            mujoco.mj_jacBodyCom(model, data, *jacobian[body], body)
        self._linear, self._angular = cast(jacobian[:, 0]), cast(jacobian[:, 1])
        self._principal = cast(data.ximat.reshape(-1, 3, 3).mT @ jacobian[:, 1])
        self._frames = cast(data.xmat.reshape(-1, 3, 3))
        self._nominal = {name: cast(getattr(model, name)) for name in INPUTS}
        self._subtrees = cast(_subtrees(model))
        self._dof_means = cast(_dof_means(model))
        self._dofs = cast(np.eye(model.nv))
        self._moments = cast(_dense(model.nv, data.actuator_moment, data, "moment"))
        self._tendons = cast(_dense(model.nv, data.ten_J, model, "ten_J"))
        self._dof_bodies = model.dof_bodyid.copy()
        self._fixed = model.body_weldid == 0
        self._sliding = model.body_simple == _SLIDES_ONLY
        inertia = np.zeros((model.nv, model.nv))
        mujoco.mj_fullM(model, data, inertia)
        # Armature of tendons and actuators, which is part of one and not of the other.
        self._other_inertia = cast(inertia - self._inertia_matrix(self._nominal, self._linear))
        self._other_dof_inertia = cast(model.dof_M0 - np.diagonal(inertia))

    def __call__(self, params: Params) -> Params:
        """Return the constants of a model with the fields `params`, by their `MjModel` names."""
        fields = {**self._nominal, **{name: params[name] for name in INPUTS & set(params)}}
        linear = self._linear_jacobians(fields["body_ipos"])
        inertia = self._inertia_matrix(fields, linear) + self._other_inertia
        root = jnp.linalg.cholesky(inertia)
        accelerations = jax.scipy.linalg.cho_solve((root, True), self._moments.T)
        return {
            "body_subtreemass": jnp.asarray(self._subtrees @ fields["body_mass"]),
            "body_invweight0": self._body_weights(fields["body_mass"], root, linear),
            "dof_invweight0": self._dof_weights(fields["body_mass"], root),
            "dof_M0": jnp.diagonal(inertia) + self._other_dof_inertia,
            "tendon_invweight0": _mobility(root, self._tendons),
            "actuator_acc0": jnp.linalg.norm(accelerations, axis=0),
        }

    def _linear_jacobians(self, centres: Any) -> jax.Array:
        """Jacobians of the bodies' centres of mass, for centres (nbody, 3). (nbody, 3, nv)."""
        shift = self._frames @ (centres - self._nominal["body_ipos"])[:, :, None]
        return jnp.cross(self._angular, shift, axis=1) + self._linear

    def _inertia_matrix(self, fields: Fields, linear: Any) -> Any:
        """The part of the joint-space inertia matrix that follows from `fields`. (nv, nv)."""
        moving = linear.mT @ (fields["body_mass"][:, None, None] * linear)
        turning = self._principal.mT @ (fields["body_inertia"][:, :, None] * self._principal)
        return (moving + turning).sum(axis=0) + self._dofs * fields["dof_armature"]

    def _body_weights(self, mass: Any, root: jax.Array, linear: jax.Array) -> jax.Array:
        """Mean mobility of each body, moving and turning. Shape (nbody, 2) [1/kg, 1/(kg m^2)]."""
        moving = _mobility(root, linear).mean(axis=1)
        turning = _mobility(root, self._angular).mean(axis=1)
        moving = jnp.where(self._sliding, 1 / jnp.maximum(mass, mujoco.mjMINVAL), moving)
        weights = jnp.stack([moving, jnp.where(self._sliding, 0.0, turning)], axis=1)
        return jnp.where(self._fixed[:, None], 0.0, weights)

    def _dof_weights(self, mass: Any, root: jax.Array) -> jax.Array:
        """Mean mobility of each degree of freedom in its group. Shape (nv,)."""
        general = self._dof_means @ _mobility(root, self._dofs)
        alone = 1 / jnp.maximum(mass, mujoco.mjMINVAL)
        return jnp.where(self._sliding[self._dof_bodies], alone[self._dof_bodies], general)


def _mobility(root: jax.Array, rows: Any) -> jax.Array:
    """Diagonal of J inv(M) J', for rows J (..., nv) and the Cholesky root of M. Shape (...)."""
    flat = rows.reshape(-1, rows.shape[-1])
    solved = jax.scipy.linalg.solve_triangular(root, flat.T, lower=True)
    return jnp.sum(solved**2, axis=0).reshape(rows.shape[:-1])


def _dense(columns: int, values: np.ndarray, holder: Any, name: str) -> np.ndarray:
    """A sparse matrix of MuJoCo's in full; `holder` knows its layout. Shape (rows, columns)."""
    counts, starts, places = (
        getattr(holder, f"{name}_{part}") for part in ("rownnz", "rowadr", "colind")
    )
    matrix = np.zeros((len(counts), columns))
    for row, (start, count) in enumerate(zip(starts, counts, strict=True)):
        matrix[row, places[start : start + count]] = values[start : start + count]
    return matrix


def _subtrees(model: mujoco.MjModel) -> np.ndarray:
    """1 where the column's body hangs on the row's, or is it. Shape (nbody, nbody)."""
    below = np.eye(model.nbody)
    for body in range(model.nbody - 1, 0, -1):
        below[model.body_parentid[body]] += below[body]
    return below


def _dof_means(model: mujoco.MjModel) -> np.ndarray:
    """Averages over the moves, and over the turns, of a free or ball joint. Shape (nv, nv)."""
    groups = np.arange(model.nv)
    for first, kind in zip(model.jnt_dofadr, model.jnt_type, strict=True):
        for start in range(first, first + _TRIPLES.get(int(kind), 0) * 3, 3):
            groups[start : start + 3] = start
    same = (groups[:, None] == groups).astype(float)
    return same / same.sum(axis=1, keepdims=True)
