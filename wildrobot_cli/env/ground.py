"""Ground that is not level: its heights, and the planes that robots touch in its place.

Heights are a slope and a few waves, so that they are known everywhere, differ in every episode
and need no memory. What touches the ground touches a plane of its own, which is laid along the
ground below it before each control step (`physics.terrain`): contact of spheres with planes is
what both engines compute alike.
"""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from wildrobot_cli.config.base import Range
from wildrobot_cli.config.disturbances import TerrainConfig
from wildrobot_cli.env.context import StepContext
from wildrobot_cli.physics.protocol import Engine, Params, PhysicsState, nominal
from wildrobot_cli.physics.terrain import in_pieces
from wildrobot_cli.robot import Robot

WAVES = 4
"""Waves that bumps are the sum of."""


@struct.dataclass
class Ground:
    """An episode's ground: gradient . p + sum of amplitude (sin(k . p + phase) - sin(phase))."""

    gradient: jax.Array
    """Rise along world x and y. Shape (2,)."""
    wavenumber: jax.Array
    """k, along world x and y [rad/m]. Shape (WAVES, 2)."""
    phase: jax.Array
    """Shape (WAVES,) [rad]."""
    amplitude: jax.Array
    """Shape (WAVES,) [m]."""

    def only(self, episodes: int | slice) -> "Ground":
        """Return some episodes' of a batch of grounds, whose leaves begin with the episodes."""
        return jax.tree.map(lambda leaf: leaf[episodes], self)


class Terrain:
    """A robot on ground that differs in every episode."""

    def __init__(self, config: TerrainConfig, robot: Robot) -> None:
        """Divide the robot's floor.

        Raises:
            ConfigError: the floor cannot be divided.
        """
        self._config = config
        self.robot, self._pieces = in_pieces(robot)

    def draw(self, rng: jax.Array) -> Ground:
        """Draw an episode's ground."""
        return draw_ground(rng, self._config)

    def planes(self, ground: Ground, sensordata: jax.Array) -> Params:
        """The floor's pieces, laid along the ground below what touches them."""
        model, geoms = self.robot.model, self._pieces.geoms
        positions, quats = planes_under(ground, sensordata[self._pieces.places[:, :2]])
        return {
            "geom_pos": nominal(model, "geom_pos").at[geoms].set(positions),
            "geom_quat": nominal(model, "geom_quat").at[geoms].set(quats),
        }

    def init(
        self,
        engine: Engine,
        params: Params,
        ground: Ground,
        qpos: jax.Array,
        qvel: jax.Array,
        ctrl: jax.Array,
    ) -> PhysicsState:
        """Start a simulation that rests on the ground, not in it; see `Engine.init`."""
        sensors = engine.init(params, qpos, qvel, ctrl).sensordata
        places = sensors[self._pieces.places]
        low = height_at(ground, places[:, :2]) + self._pieces.clearance - places[:, 2]
        lifted = qpos.at[self.robot.root_qpos.start + 2].add(jnp.max(low))
        return engine.init(params | self.planes(ground, sensors), lifted, qvel, ctrl)


def above(context: StepContext, ground: Ground, place: jax.Array) -> StepContext:
    """The context with heights above the ground below; the root is at `place` [m], (2,)."""
    feet = context.foot_positions
    return context._replace(
        height=context.height - height_at(ground, place),
        foot_positions=feet.at[:, 2].add(-height_at(ground, feet[:, :2])),
    )


def draw_ground(rng: jax.Array, config: TerrainConfig) -> Ground:
    """Draw an episode's ground. It passes through the origin, and runs in any direction."""
    keys = jax.random.split(rng, 6)
    slope = jnp.tan(_uniform(keys[0], (), config.slope))
    gradient = slope * _direction(keys[1], ())
    if config.bumps is None:
        flat = jnp.zeros(0, slope.dtype)
        return Ground(gradient, jnp.zeros((0, 2), slope.dtype), flat, flat)
    height = _uniform(keys[2], (), config.bumps.height)
    size = 2 * jnp.pi / _uniform(keys[3], (WAVES, 1), config.bumps.wavelength)
    phase = _uniform(keys[5], (WAVES,), (-np.pi, np.pi))
    amplitude = jnp.broadcast_to(height / (2 * WAVES), (WAVES,))
    return Ground(gradient, size * _direction(keys[4], (WAVES,)), phase, amplitude)


def eased_ground(ground: Ground | None, share: jax.Array) -> Ground | None:
    """The same ground with a share of its heights, in 0..1. Shape ()."""
    if ground is None:
        return None
    return replace(ground, gradient=share * ground.gradient, amplitude=share * ground.amplitude)


def height_at(ground: Ground, places: jax.Array) -> jax.Array:
    """Heights at places in the world [m]. Shape (..., 2) -> (...)."""
    angle = places @ ground.wavenumber.T + ground.phase
    waves = (jnp.sin(angle) - jnp.sin(ground.phase)) @ ground.amplitude
    return places @ ground.gradient + waves


def normal_at(ground: Ground, places: jax.Array) -> jax.Array:
    """Unit normals of the ground at places in the world. Shape (..., 2) -> (..., 3)."""
    angle = places @ ground.wavenumber.T + ground.phase
    rise = ground.gradient + (jnp.cos(angle) * ground.amplitude) @ ground.wavenumber
    normal = jnp.concatenate([-rise, jnp.ones_like(rise[..., :1])], axis=-1)
    return normal / jnp.linalg.norm(normal, axis=-1, keepdims=True)


def planes_under(ground: Ground, places: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Planes that touch the ground at places. Shape (..., 2) -> positions (..., 3), (..., 4).

    A plane's normal is its z axis; the quaternion is the shortest turn from world up to it.
    """
    normal = normal_at(ground, places)
    height = height_at(ground, places)[..., None]
    upright = jnp.stack(
        [
            1 + normal[..., 2],
            -normal[..., 1],
            normal[..., 0],
            jnp.zeros_like(normal[..., 2]),
        ],
        axis=-1,
    )
    quat = upright / jnp.linalg.norm(upright, axis=-1, keepdims=True)
    return jnp.concatenate([places, height], axis=-1), quat


def _uniform(key: jax.Array, shape: tuple[int, ...], limits: Range) -> jax.Array:
    low, high = limits
    return jax.random.uniform(key, shape, jnp.result_type(float), low, high)


def _direction(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Unit vectors, uniform in direction. Shape (*shape, 2)."""
    angle = _uniform(key, shape, (-np.pi, np.pi))
    return jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1)
