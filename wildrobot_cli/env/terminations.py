"""Termination terms: each is true in a state that counts as a failure. A timeout is not one."""

import jax
import jax.numpy as jnp

from wildrobot_cli.env.context import StepContext


def tilted(ctx: StepContext, *, limit: float) -> jax.Array:
    """The root leans by more than `limit` [rad]. Shape (), bool."""
    return ctx.up[2] < jnp.cos(limit)


def too_low(ctx: StepContext, *, limit: float) -> jax.Array:
    """The root is lower than `limit` [m]. Shape (), bool."""
    return ctx.height < limit


TERMS = {f.__name__: f for f in (tilted, too_low)}
