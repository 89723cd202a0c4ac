"""The phase clock: two feet, half a cycle apart."""

import jax
import jax.numpy as jnp

from wildrobot_cli.runtime.observing.estimation import TURN


def foot_phases(phase: jax.Array) -> jax.Array:
    """Phases of the left and the right foot [rad]. Shape () -> (2,)."""
    return jnp.stack([phase, (phase + jnp.pi) % TURN])


def swing_height(phases: jax.Array, swing_fraction: float, height: float) -> jax.Array:
    """Sole height that a phase asks for: a sin^2 arch in swing, then zero [m]. Shape (2,)."""
    progress = phases / TURN / swing_fraction
    arch = height * jnp.sin(jnp.pi * jnp.minimum(progress, 1.0)) ** 2
    return jnp.where(progress < 1.0, arch, 0.0)
