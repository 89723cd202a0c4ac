"""Things that happen now and then in an episode: pushes, servos that drop out.

They are drawn when the episode begins, in whole control periods.
"""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
from flax import struct

from wildrobot_cli.config.base import Range
from wildrobot_cli.config.disturbances import DropoutConfig, PushConfig


@struct.dataclass
class Pushes:
    """An episode's pushes, k of them."""

    begin: jax.Array
    """Control steps until each. Shape (k,), int32."""
    force: jax.Array
    """Along the world's x and y [N]. Shape (k, 2)."""


@struct.dataclass
class Dropouts:
    """An episode's dropouts, k of them."""

    begin: jax.Array
    """Control steps until each. Shape (k,), int32."""
    joint: jax.Array
    """Whose servo it is. Shape (k,), int32."""
    held: jax.Array
    """The targets that the servos have last taken [rad]. Shape (n,)."""


def draw_pushes(rng: jax.Array, config: PushConfig, steps: int, dt: float) -> Pushes:
    """Draw the pushes of an episode of some control steps, from any side."""
    key_begin, key_force, key_side = jax.random.split(rng, 3)
    begin = _draw_begins(key_begin, config.interval, config.duration, steps, dt)
    shape, dtype = begin.shape, jnp.result_type(float)
    low, high = config.force
    size = jax.random.uniform(key_force, shape, dtype, low, high)
    side = jax.random.uniform(key_side, shape, dtype, -jnp.pi, jnp.pi)
    return Pushes(begin, size[:, None] * jnp.stack([jnp.cos(side), jnp.sin(side)], axis=-1))


def push_wrench(pushes: Pushes, config: PushConfig, step: jax.Array, dt: float) -> jax.Array:
    """Force and torque on the root body during a control step [N, Nm]. Shape (6,)."""
    now = _happens(pushes.begin, config.duration, step, dt)
    force = jnp.where(now[:, None], pushes.force, 0.0).sum(axis=0)
    return jnp.zeros(6, force.dtype).at[:2].set(force)


def draw_dropouts(
    rng: jax.Array, config: DropoutConfig, steps: int, dt: float, targets: jax.Array
) -> Dropouts:
    """Draw the dropouts of an episode that begins with some targets. Shape (n,)."""
    key_begin, key_joint = jax.random.split(rng)
    begin = _draw_begins(key_begin, config.interval, config.duration, steps, dt)
    joint = jax.random.randint(key_joint, begin.shape, 0, targets.shape[0])
    return Dropouts(begin, joint, targets)


def drop(
    dropouts: Dropouts, config: DropoutConfig, step: jax.Array, dt: float, targets: jax.Array
) -> tuple[jax.Array, Dropouts]:
    """Keep the targets of a servo that dropped out as they were.

    Args:
        dropouts: of the episode.
        config: how long each lasts.
        step: the control step.
        dt: the control period [s].
        targets: what reaches the servos [rad]. Shape (n,), or one row for each physics step.
    """
    now = _happens(dropouts.begin, config.duration, step, dt)
    out = (now[:, None] & (dropouts.joint[:, None] == jnp.arange(targets.shape[-1]))).any(axis=0)
    taken = jnp.where(out, dropouts.held, targets)
    return taken, replace(dropouts, held=taken if taken.ndim == 1 else taken[-1])


def _draw_begins(
    rng: jax.Array, interval: Range, duration: float, steps: int, dt: float
) -> jax.Array:
    """Control steps at which things begin that last, with pauses between them. Shape (k,)."""
    lasting = _lasting(duration, dt)
    shortest = max(lasting + math.floor(interval[0] / dt), 1)
    count = math.ceil(steps / shortest)
    low, high = interval
    pauses = jax.random.uniform(rng, (count,), jnp.result_type(float), low, high)
    whole = jnp.round(pauses / dt).astype(jnp.int32)
    return jnp.cumsum(whole) + lasting * jnp.arange(count, dtype=jnp.int32)


def _happens(begin: jax.Array, duration: float, step: jax.Array, dt: float) -> jax.Array:
    """Which of the things go on during a control step. Shape (k,), bool."""
    return (begin <= step) & (step < begin + _lasting(duration, dt))


def _lasting(duration: float, dt: float) -> int:
    return max(round(duration / dt), 1)
