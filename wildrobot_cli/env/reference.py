"""Reference motion in the environment: where episodes start, the clock, and the style window."""

from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from wildrobot_cli.config.environment import EnvConfig, ReferenceConfig
from wildrobot_cli.errors import ConfigError
from wildrobot_cli.motion.features import Style
from wildrobot_cli.motion.library import Frames, load_clips, load_library, motion_dir
from wildrobot_cli.motion.loops import by_speed, straight_loops
from wildrobot_cli.robot import Robot
from wildrobot_cli.runtime.observing.clock import Clock
from wildrobot_cli.runtime.observing.estimation import TURN

PACKAGED = "packaged"
"""Stands for the robot's own library."""
FEATURES = "style"
"""Key of the style window's features in a state's info. Shape (window * (9 + n),)."""
MOVING = "moving"
"""Key of 1 where the command asks for motion, 0 where it asks to stand. Shape ()."""
SPEED = "speed"
"""Key of the root's planar speed [m/s]. Shape ()."""
PHASE = "phase"
"""Key of the left foot's phase, 0 to 2 pi [rad]. Shape ()."""


class Start(NamedTuple):
    """Where an episode starts, and how the robot came there."""

    qpos: jax.Array
    """Generalized positions. Shape (nq,)."""
    qvel: jax.Array
    """Generalized velocities [m/s, rad/s]. Shape (nv,)."""
    command: jax.Array
    """The clip's command [m/s, m/s, rad/s]. Shape (3,)."""
    phase: jax.Array
    """Phase of the left foot [rad]. Shape ()."""
    history: jax.Array
    """Frames up to this one. Shape (window, d)."""


class Windows(NamedTuple):
    """All windows of some clips, and how each ends."""

    features: np.ndarray
    """Shape (S, window * (9 + n))."""
    probability: np.ndarray
    """How often each is to be drawn, all speeds alike; sums to 1. Shape (S,)."""
    speed: np.ndarray
    """The root's planar speed in the last frame [m/s]. Shape (S,)."""
    phase: np.ndarray
    """The left foot's phase in the last frame, 0 to 2 pi [rad]. Shape (S,)."""


class Reference:
    """A robot's library of clips, at the control rate."""

    def __init__(self, robot: Robot, config: ReferenceConfig, control_period: float) -> None:
        """Load the library.

        Raises:
            ConfigError: there is none, it does not fit the robot, or has another frame rate.
        """
        self.library = load_library(robot, _folder(config))
        self.window = config.window
        self.style = Style.of(robot)
        if abs(self.library.fps * control_period - 1.0) > 1e-6:
            raise ConfigError(
                f"env.reference.library: {self.library.fps:g} frames a second; expected "
                f"{1 / control_period:g}, one for each env.control_period"
            )
        self._sampler = self.library.sampler(config.window)

    def draw(self, key: jax.Array) -> Start:
        """Draw a start from the clips for training, all speeds alike, placed at the origin."""
        window = jax.tree.map(lambda leaf: leaf[0], self._sampler.draw(key, 1))
        at_origin = window.qpos.at[:, :2].add(-window.qpos[-1, :2])
        last: Frames = jax.tree.map(lambda leaf: leaf[-1], window)
        history = self.style.frame(at_origin, jnp)
        return Start(at_origin[-1], last.qvel, last.command, last.phase, history)

    def still(self, frame: jax.Array) -> jax.Array:
        """The history of a robot that has been standing. Shape (d,) -> (window, d)."""
        return jnp.tile(frame, (self.window, 1))

    def after(self, history: jax.Array, frame: jax.Array) -> jax.Array:
        """The history one frame later. Shapes (window, d), (d,) -> (window, d)."""
        return jnp.concatenate([history[1:], frame[None]])

    def held_out(self) -> np.ndarray:
        """Features of all windows of the clips held out of training, if any. Shape (R, d)."""
        if any(clip.held_out for clip in self.library.clips):
            return self.demonstrations(held_out=True).features
        return np.zeros((0, self.window * len(self.style.names)))

    def demonstrations(self, held_out: bool = False) -> Windows:
        """All windows of the clips for training, or of those held out of it."""
        sampler = self.library.sampler(self.window, held_out)
        starts = np.asarray(sampler.starts)
        last = jax.tree.map(lambda leaf: np.asarray(leaf)[starts + self.window - 1], sampler.frames)
        return Windows(
            self.style.windows(np.asarray(sampler.frames.qpos), starts, self.window),
            np.diff(np.asarray(sampler.cumulative, float), prepend=0.0),
            np.linalg.norm(last.qvel[:, :2], axis=-1),
            last.phase % TURN,
        )


def make_clock(robot: Robot, config: EnvConfig) -> Clock:
    """Return the phase clock: constant, or as the reference walks at each speed.

    Raises:
        ConfigError: no clip of the reference walks straight in a loop.
    """
    if config.reference is None:
        return Clock((0.0,), (config.gait.frequency,))
    found = by_speed(straight_loops(load_clips(robot, _folder(config.reference))))
    if not found:
        raise ConfigError("env.reference.library: no clip that walks straight in a loop")
    strides = [np.median([clip.frequency for clip in clips]) for clips in found.values()]
    return Clock(tuple(found), tuple(map(float, strides)))


def _folder(config: ReferenceConfig) -> Path:
    return motion_dir() if config.library == PACKAGED else Path(config.library)
