"""Targets on their way from the policy to the servos."""

import math

import jax
import jax.numpy as jnp
from flax import struct

from wildrobot_cli.config.disturbances import DelayConfig


@struct.dataclass
class Link:
    """What an episode's link carries: the last m targets, the newest at the end."""

    latency: jax.Array
    """Its delay [s]. Shape ()."""
    targets: jax.Array
    """Joint targets [rad]. Shape (m, n)."""
    due: jax.Array
    """Physics steps from now until each takes effect. Shape (m,), int32."""


def delays(config: DelayConfig) -> bool:
    """Whether anything is ever late."""
    return config.latency[1] + config.jitter > 0


def draw_link(
    rng: jax.Array, config: DelayConfig, timestep: float, substeps: int, targets: jax.Array
) -> Link:
    """Draw an episode's link, whose servos have some targets already [rad]. Shape (n,)."""
    low, high = config.latency
    latency = jax.random.uniform(rng, (), targets.dtype, low, high)
    latest = round((high + config.jitter) / timestep)
    length = math.ceil(latest / substeps) + 1
    return Link(latency, jnp.tile(targets, (length, 1)), jnp.zeros(length, jnp.int32))


def send(
    link: Link, jitter: jax.Array, timestep: float, substeps: int, targets: jax.Array
) -> tuple[jax.Array, Link]:
    """Send targets, and return what the servos follow in the coming control period.

    A servo follows the newest of what has arrived: targets that a later one overtook are lost.

    Args:
        link: as the last control period left it.
        jitter: further delay of these targets [s]. Shape ().
        timestep: of the physics [s].
        substeps: physics steps in a control period.
        targets: the policy's newest [rad]. Shape (n,).

    Returns:
        Targets for each physics step [rad], shape (substeps, n), and the link afterwards.
    """
    delay = jnp.round((link.latency + jitter) / timestep).astype(jnp.int32)
    queue = jnp.concatenate([link.targets[1:], targets[None]])
    due = jnp.append(link.due[1:], delay)
    arrived = due <= jnp.arange(substeps)[:, None]
    newest = jnp.max(jnp.where(arrived, jnp.arange(due.shape[0]), 0), axis=1)
    return queue[newest], Link(link.latency, queue, due - substeps)
