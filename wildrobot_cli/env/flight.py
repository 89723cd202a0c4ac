"""What a flight recorder keeps of a control step."""

import jax
from flax import struct


@struct.dataclass
class Flight:
    """A control step: where the simulation was, what it was told, and whether it broke."""

    qpos: jax.Array
    """Generalized positions before the step. Shape (nq,)."""
    qvel: jax.Array
    """Generalized velocities before the step [m/s, rad/s]. Shape (nv,)."""
    action: jax.Array
    """The action taken, in [-1, 1]. Shape (n,)."""
    fault: jax.Array
    """Whether the physics failed in this step or left the finite numbers. Shape (), bool."""
