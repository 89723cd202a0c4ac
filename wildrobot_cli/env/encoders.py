"""A bus that is too slow for all joints: what is known of them when half are read in a period."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from wildrobot_cli.runtime.observing.estimation import Sensed, oldest_readings, renewed


@struct.dataclass
class Reads:
    """When each of n joints was read, and what was known before."""

    read_at: jax.Array
    """The control step in which it was last read. Shape (n,), int32."""
    before: jax.Array
    """The reading before the last [rad]. Shape (n,)."""
    elapsed: jax.Array
    """Time between the two [s]. Shape (n,)."""


def draw_reads(rng: jax.Array, angles: jax.Array, dt: float) -> Reads:
    """Begin an episode in either of the two turns of the bus; angles (n,) are known [rad]."""
    joints = angles.shape[0]
    turns = np.full((2, joints), -1, np.int32)
    turns[:, : _share(joints)] = 0
    turns[1, oldest_readings(turns[0], _share(joints), np)] = 1
    turns[1] -= 1
    turn = jnp.asarray(turns)[jax.random.randint(rng, (), 0, 2)]
    return Reads(turn, angles, jnp.full_like(angles, dt))


def read_half(
    reads: Reads, known: jax.Array, angles: jax.Array, dt: float
) -> tuple[jax.Array, Reads]:
    """Read the joints whose turn it is.

    Args:
        reads: as the last control step left it.
        known: the angles known so far [rad]. Shape (n,).
        angles: what a reading gives now [rad]. Shape (n,).
        dt: the control period [s].

    Returns:
        What is known now [rad], shape (n,), and when it was read.
    """
    joints = angles.shape[0]
    now = jnp.max(reads.read_at) + 1
    turn = oldest_readings(reads.read_at, _share(joints), jnp)
    read_at = reads.read_at.at[turn].set(now)
    nothing = jnp.zeros(0, angles.dtype)
    before = Sensed(nothing, nothing, known, reads.before, reads.elapsed)
    after = renewed(before, angles, (read_at - reads.read_at) * dt, jnp)
    return after.encoders, Reads(read_at, after.last_encoders, jnp.asarray(after.elapsed))


def _share(joints: int) -> int:
    """How many joints the bus reads in a control period."""
    return math.ceil(joints / 2)
