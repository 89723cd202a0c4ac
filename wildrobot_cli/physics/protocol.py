"""What the environment asks of a physics engine, and nothing more."""

from typing import Any, Literal, Protocol

import jax
import mujoco
from flax import struct

Impl = Literal["jax", "warp"]
"""What can be behind MJX."""
Params = dict[str, jax.Array]
"""Model fields that differ between environments, by their `MjModel` name; empty is the robot."""

RANDOMIZABLE = (
    "geom_friction",
    "geom_pos",
    "geom_quat",
    "body_mass",
    "body_inertia",
    "body_ipos",
    "dof_damping",
    "dof_frictionloss",
    "dof_armature",
    "actuator_gainprm",
    "actuator_biasprm",
    "actuator_forcerange",
)
"""The `MjModel` fields that `Params` may hold."""

FASTEST = 1e6
"""A generalized speed beyond this is a simulation that blew up [m/s, rad/s]."""


@struct.dataclass
class PhysicsState:
    """One simulation between two control steps. Everything above physics reads only this."""

    qpos: jax.Array
    """Generalized positions; a free root is position [m] and quaternion w x y z. Shape (nq,)."""
    qvel: jax.Array
    """Generalized velocities; a free root is world linear [m/s], body angular [rad/s]. (nv,)."""
    qacc_warmstart: jax.Array
    """Where the constraint solver starts. Shape (nv,)."""
    sensordata: jax.Array
    """Sensor readings, computed before the last substep's integration. Shape (nsensordata,)."""
    actuator_force: jax.Array
    """Servo torque before joint damping, same instant as the sensors [Nm]. Shape (nu,)."""
    time: jax.Array
    """Simulated time [s]. Shape ()."""
    ok: jax.Array
    """False once the simulation failed or left the finite numbers. Shape (), bool."""


class Engine(Protocol):
    """A physics engine over one robot model: pure, jit-safe, vmap-safe."""

    @property
    def name(self) -> str:
        """The engine's name in configurations."""
        ...

    @property
    def model(self) -> mujoco.MjModel:
        """The model that it simulates."""
        ...

    def init(
        self, params: Params, qpos: jax.Array, qvel: jax.Array, ctrl: jax.Array
    ) -> PhysicsState:
        """Start a simulation at time zero; sensors describe the given state.

        Shapes (nq,), (nv,), (nu,).
        """
        ...

    def step(
        self, params: Params, state: PhysicsState, ctrl: jax.Array, wrench: jax.Array
    ) -> PhysicsState:
        """Advance one control period.

        Args:
            params: this simulation's model fields.
            state: where it is.
            ctrl: joint targets [rad]. Shape (nu,), or (substeps, nu): a row for each physics step.
            wrench: force [N] and torque [Nm] on the root body, world frame. Shape (6,).
        """
        ...


def check_params(params: Params) -> None:
    """Raise `ValueError` when `params` names a field that engines do not randomize."""
    unknown = sorted(set(params) - set(RANDOMIZABLE))
    if unknown:
        raise ValueError(f"not randomizable: {unknown}; valid: {sorted(RANDOMIZABLE)}")


def nominal(model: Any, name: str) -> jax.Array:
    """The robot's own value of a randomizable field, as a JAX array in the default precision."""
    return jax.numpy.asarray(getattr(model, name), dtype=jax.numpy.result_type(float))
