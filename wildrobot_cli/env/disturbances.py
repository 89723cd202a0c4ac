"""What an episode has to bear beside its task, drawn when it begins and applied as it goes."""

from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct

from wildrobot_cli.config.environment import EnvConfig
from wildrobot_cli.env.delays import Link, delays, draw_link, send
from wildrobot_cli.env.encoders import Reads, draw_reads, read_half
from wildrobot_cli.env.events import (
    Dropouts,
    Pushes,
    draw_dropouts,
    draw_pushes,
    drop,
    push_wrench,
)
from wildrobot_cli.runtime.observing.observations import quantize


@struct.dataclass
class Disturbance:
    """An episode's burden. What the configuration does not ask for is None, and costs nothing."""

    rng: jax.Array | None = None
    """Source of what is drawn anew in each control step."""
    joint_offset: jax.Array | None = None
    """Error of each joint's zero: encoders read so much more than the truth [rad]. Shape (n,)."""
    gyro_bias: jax.Array | None = None
    """Constant error of the angular velocity [rad/s]. Shape (3,)."""
    link: Link | None = None
    """Targets on their way."""
    pushes: Pushes | None = None
    """Forces from outside."""
    dropouts: Dropouts | None = None
    """Servos that take no targets."""
    reads: Reads | None = None
    """Joints that are read in turns."""


class Disturbances:
    """Draws and applies what a configuration asks for. Arrays are those of one simulation."""

    def __init__(self, config: EnvConfig, encoder_resolution: float) -> None:
        """Take a configuration, and how finely encoders read [rad]."""
        self._config = config
        self._resolution = encoder_resolution
        self._encoder_noise = config.sensors.scale * config.sensors.encoder_noise
        self._draws_anew = config.delays.jitter > 0 or self._encoder_noise > 0

    def draw(
        self,
        rng: jax.Array,
        angles: jax.Array,
        targets: jax.Array,
        share: jax.Array | None = None,
    ) -> Disturbance:
        """Draw an episode's burden.

        Args:
            rng: its randomness.
            angles: joint angles at its beginning [rad]. Shape (n,).
            targets: what the servos hold then [rad]. Shape (n,).
            share: of its errors, forces and delays to bear, in 0..1; None is all. Shape ().
        """
        config, keys = self._config, jax.random.split(rng, 7)
        half = partial(jax.random.uniform, dtype=angles.dtype, minval=-1.0)
        dt, timing = config.control_period, (config.episode_steps, config.control_period)
        offset = config.randomization.joint_offset
        bias = config.sensors.scale * config.sensors.gyro_bias
        part = 1.0 if share is None else share
        burden = Disturbance(
            rng=keys[0] if self._draws_anew else None,
            joint_offset=part * offset * half(keys[1], angles.shape) if offset else None,
            gyro_bias=part * bias * half(keys[2], (3,)) if bias else None,
        )
        if config.pushes:
            pushes = draw_pushes(keys[3], config.pushes, *timing)
            burden = replace(burden, pushes=replace(pushes, force=part * pushes.force))
        if config.dropout:
            dropouts = draw_dropouts(keys[4], config.dropout, *timing, targets)
            burden = replace(burden, dropouts=dropouts)
        if delays(config.delays):
            link = draw_link(keys[5], config.delays, config.timestep, config.substeps, targets)
            burden = replace(burden, link=replace(link, latency=part * link.latency))
        if config.sensors.half_read:
            burden = replace(burden, reads=draw_reads(keys[6], self.encode(burden, angles), dt))
        return burden

    def restarted(self, burden: Disturbance, angles: jax.Array, targets: jax.Array) -> Disturbance:
        """The same burden, where the episode begins elsewhere; see `draw`."""
        link, dropouts, reads = burden.link, burden.dropouts, burden.reads
        if link:
            link = replace(link, targets=jnp.broadcast_to(targets, link.targets.shape))
        if dropouts:
            dropouts = replace(dropouts, held=targets)
        if reads:
            reads = replace(reads, before=self.encode(burden, angles))
        return replace(burden, link=link, dropouts=dropouts, reads=reads)

    def wrench(self, burden: Disturbance, step: jax.Array, dtype: Any) -> jax.Array:
        """Force and torque on the root body in a control step [N, Nm]. Shape (6,)."""
        if burden.pushes is None or self._config.pushes is None:
            return jnp.zeros(6, dtype)
        return push_wrench(burden.pushes, self._config.pushes, step, self._config.control_period)

    def carry(
        self, burden: Disturbance, step: jax.Array, targets: jax.Array
    ) -> tuple[jax.Array, Disturbance]:
        """Bring targets to the servos.

        Args:
            burden: the episode's.
            step: the control step.
            targets: the policy's [rad]. Shape (n,).

        Returns:
            What the servos follow, by their own zeros [rad]: shape (n,), or a row for each physics
            step, (substeps, n); and the burden afterwards.
        """
        config = self._config
        if burden.link is not None:
            rng, jitter = self._jitter(burden.rng, targets.dtype)
            targets, link = send(burden.link, jitter, config.timestep, config.substeps, targets)
            burden = replace(burden, rng=rng, link=link)
        if burden.dropouts is not None and config.dropout is not None:
            dt = config.control_period
            targets, dropouts = drop(burden.dropouts, config.dropout, step, dt, targets)
            burden = replace(burden, dropouts=dropouts)
        if burden.joint_offset is not None:
            targets = targets - burden.joint_offset
        return targets, burden

    def encode(
        self, burden: Disturbance, angles: jax.Array, noise: jax.Array | float = 0.0
    ) -> jax.Array:
        """What encoders give of joint angles [rad]. Shape (n,) -> (n,)."""
        if burden.joint_offset is not None:
            angles = angles + burden.joint_offset
        if self._encoder_noise:
            angles = angles + noise
        return quantize(angles, self._resolution, jnp)

    def read(
        self, burden: Disturbance, known: jax.Array, angles: jax.Array
    ) -> tuple[jax.Array, Disturbance]:
        """Read the joints, or half of them.

        Args:
            burden: the episode's.
            known: the readings so far [rad]. Shape (n,).
            angles: the joints' true angles [rad]. Shape (n,).

        Returns:
            The readings now [rad], shape (n,), and the burden afterwards.
        """
        noise: jax.Array | float = 0.0
        if self._encoder_noise and burden.rng is not None:
            rng, key = jax.random.split(burden.rng)
            burden = replace(burden, rng=rng)
            noise = self._encoder_noise * jax.random.normal(key, angles.shape, angles.dtype)
        encoders = self.encode(burden, angles, noise)
        if burden.reads is None:
            return encoders, burden
        encoders, reads = read_half(burden.reads, known, encoders, self._config.control_period)
        return encoders, replace(burden, reads=reads)

    def _jitter(self, rng: jax.Array | None, dtype: Any) -> tuple[jax.Array | None, jax.Array]:
        """Draw the further delay of one control step's targets [s]; return the next key, too."""
        if not self._config.delays.jitter or rng is None:
            return rng, jnp.zeros((), dtype)
        rng, key = jax.random.split(rng)
        return rng, jax.random.uniform(key, (), dtype, maxval=self._config.delays.jitter)
