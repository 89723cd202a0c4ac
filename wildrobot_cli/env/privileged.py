"""What the value function sees beside the policy's observations: truth that no sensor gives."""

import jax
import jax.numpy as jnp

from wildrobot_cli.env.context import StepContext


def root_velocity(ctx: StepContext) -> jax.Array:
    """Root velocity: forward, leftward, up [m/s]. Shape (3,)."""
    return jnp.append(ctx.velocity, ctx.vertical_velocity)


def root_height(ctx: StepContext) -> jax.Array:
    """Root height above the ground [m]. Shape (1,)."""
    return ctx.height[None]


def foot_heights(ctx: StepContext) -> jax.Array:
    """Sole heights above the ground, left and right [m]. Shape (2,)."""
    return ctx.foot_positions[:, 2]


def foot_forces(ctx: StepContext) -> jax.Array:
    """Normal forces, left and right, in body weights. Shape (2,)."""
    return ctx.foot_forces


def push(ctx: StepContext) -> jax.Array:
    """Force from outside on the root: forward and leftward, in body weights. Shape (2,)."""
    return ctx.push


def latency(ctx: StepContext) -> jax.Array:
    """Delay of the link to the servos in this episode, its jitter apart [s]. Shape (1,)."""
    return ctx.latency[None]


_ALL = (root_velocity, root_height, foot_heights, foot_forces, push, latency)
TERMS = {term.__name__: term for term in _ALL}
