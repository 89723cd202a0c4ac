"""Reward terms: one physical noun each, no weight inside. Weights and parameters are in YAML."""

import jax
import jax.numpy as jnp

from wildrobot_cli.env.context import StepContext
from wildrobot_cli.env.gait import swing_height
from wildrobot_cli.runtime.observing.estimation import TURN
from wildrobot_cli.runtime.observing.rotations import to_heading_frame

BEARING = 0.05
"""A sole bears load above this share of the robot's weight."""


def _moving(ctx: StepContext) -> jax.Array:
    """1 where the robot is asked to move, 0 where it is asked to stand. Shape ()."""
    return (jnp.abs(ctx.command).sum() > 0).astype(ctx.command.dtype)


def _foot_lead(ctx: StepContext) -> jax.Array:
    """From the right to the left sole, heading frame: ahead, leftward [m]. Shape (2,)."""
    apart = ctx.foot_positions[0, :2] - ctx.foot_positions[1, :2]
    return to_heading_frame(apart, ctx.heading, jnp)


def _travel(swing: jax.Array, swing_fraction: float) -> jax.Array:
    """Fore-aft place of a foot by its phase: -1 at lift-off, 1 at touchdown. Shape (2,)."""
    stance = (swing - swing_fraction) / (1.0 - swing_fraction)
    forth = -jnp.cos(jnp.pi * swing / swing_fraction)
    return jnp.where(swing < swing_fraction, forth, 1.0 - 2.0 * stance)


def alive(ctx: StepContext) -> jax.Array:
    """One for each step. Shape ()."""
    return jnp.ones_like(ctx.height)


def track_velocity(ctx: StepContext, *, sigma: float) -> jax.Array:
    """exp(-|v_cmd - v|^2 / sigma^2), planar, heading frame [m/s]. Shape ()."""
    error = ctx.command[:2] - ctx.velocity
    return jnp.exp(-jnp.sum(error**2) / sigma**2)


def track_yaw_rate(ctx: StepContext, *, sigma: float) -> jax.Array:
    """exp(-(w_cmd - w)^2 / sigma^2), about the root's z axis [rad/s]. Shape ()."""
    return jnp.exp(-((ctx.command[2] - ctx.angular_velocity[2]) ** 2) / sigma**2)


def track_heading(ctx: StepContext, *, sigma: float) -> jax.Array:
    """exp(-e^2 / sigma^2) of the heading error [rad]. Shape ()."""
    return jnp.exp(-(ctx.heading_error**2) / sigma**2)


def face_heading(ctx: StepContext) -> jax.Array:
    """Cosine of the heading error: it pays to turn back from however far. Shape ()."""
    return jnp.cos(ctx.heading_error)


def track_foot_height(ctx: StepContext, *, sigma: float, height: float) -> jax.Array:
    """exp(-sum e^2 / sigma^2) of sole heights against the clock's swing arch [m]. Shape ()."""
    target = swing_height(ctx.foot_swing * TURN, ctx.swing_fraction, height) * _moving(ctx)
    error = ctx.foot_positions[:, 2] - target
    return jnp.exp(-jnp.sum(error**2) / sigma**2)


def track_stride(ctx: StepContext, *, sigma: float, reach: float) -> jax.Array:
    """exp(-e^2 / sigma^2) of the left foot's lead over the right against the clock's [m]. Shape ().

    A foot goes from `reach` seconds of commanded travel before the hips to as far behind while it
    stands, and swings back along a cosine.
    """
    lead = _foot_lead(ctx)[0]
    left, right = _travel(ctx.foot_swing, ctx.swing_fraction) * reach * ctx.command[0]
    return jnp.exp(-((lead - (left - right)) ** 2) / sigma**2)


def foot_gap_l2(ctx: StepContext, *, least: float) -> jax.Array:
    """Squared shortfall of the feet's sideways distance [m^2]: they must not cross. Shape ()."""
    return jnp.maximum(least - _foot_lead(ctx)[1], 0.0) ** 2


def tilt_l2(ctx: StepContext) -> jax.Array:
    """Squared horizontal part of the up vector. Shape ()."""
    return jnp.sum(ctx.up[:2] ** 2)


def tilt_rate_l2(ctx: StepContext) -> jax.Array:
    """Squared roll and pitch rates [rad^2/s^2]. Shape ()."""
    return jnp.sum(ctx.angular_velocity[:2] ** 2)


def vertical_velocity_l2(ctx: StepContext) -> jax.Array:
    """Squared vertical root velocity [m^2/s^2]. Shape ()."""
    return ctx.vertical_velocity**2


def action_rate_l2(ctx: StepContext) -> jax.Array:
    """Squared change of the action. Shape ()."""
    return jnp.sum((ctx.action - ctx.last_action) ** 2)


def joint_deviation_l2(ctx: StepContext, *, group: str) -> jax.Array:
    """Squared angles from home over a joint group of the robot [rad^2]. Shape ()."""
    return jnp.sum(ctx.joint_positions[ctx.groups[group]] ** 2)


def torque_l2(ctx: StepContext) -> jax.Array:
    """Squared shaft torques [Nm^2]. Shape ()."""
    return jnp.sum(ctx.torque**2)


def joint_speed_l2(ctx: StepContext, *, above: float) -> jax.Array:
    """Squared excess of joint speeds above a speed that the servos reach [rad^2/s^2]. Shape ()."""
    return jnp.sum(jnp.maximum(jnp.abs(ctx.joint_velocities) - above, 0.0) ** 2)


def foot_slip_l2(ctx: StepContext) -> jax.Array:
    """Squared planar speed of the soles that bear load [m^2/s^2]. Shape ()."""
    speed = jnp.sum(ctx.foot_velocities[:, :2] ** 2, axis=-1)
    return jnp.sum(jnp.where(ctx.foot_forces > BEARING, speed, 0.0))


def foot_tilt_l2(ctx: StepContext) -> jax.Array:
    """Squared horizontal part of the sole normals. Shape ()."""
    return jnp.sum(ctx.foot_up[:, :2] ** 2)


def touchdown_l2(ctx: StepContext, *, below: float) -> jax.Array:
    """Squared sinking speed of soles lower than `below` [m^2/s^2]. Shape ()."""
    near = ctx.foot_positions[:, 2] < below
    return jnp.sum(jnp.where(near, jnp.minimum(ctx.foot_velocities[:, 2], 0.0) ** 2, 0.0))


TERMS = {
    f.__name__: f
    for f in (
        alive,
        track_velocity,
        track_yaw_rate,
        track_heading,
        face_heading,
        track_foot_height,
        track_stride,
        foot_gap_l2,
        tilt_l2,
        tilt_rate_l2,
        vertical_velocity_l2,
        action_rate_l2,
        joint_deviation_l2,
        torque_l2,
        joint_speed_l2,
        foot_slip_l2,
        foot_tilt_l2,
        touchdown_l2,
    )
}
