"""The library: clips of a robot side by side in plain arrays, and windows drawn from them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct

from wildrobot_cli.config.resources import asset_dir
from wildrobot_cli.errors import ConfigError, suggest
from wildrobot_cli.motion.clip import Clip, positions, speeds
from wildrobot_cli.motion.frames import frames_at
from wildrobot_cli.motion.limits import load_limits
from wildrobot_cli.motion.mirror import mirror
from wildrobot_cli.motion.storage import load_clip
from wildrobot_cli.robot import Robot


@struct.dataclass
class Frames:
    """Frames of reference motion, over leading axes."""

    qpos: jax.Array
    """Generalized positions. Shape (..., nq)."""
    qvel: jax.Array
    """Generalized velocities. Shape (..., nv)."""
    command: jax.Array
    """Labelled forward and leftward velocity [m/s], turning rate [rad/s]. Shape (..., 3)."""
    phase: jax.Array
    """Phase of the left foot, 0 at lift-off [rad]. Shape (...,)."""
    frequency: jax.Array
    """Strides per second, 0 standing [Hz]. Shape (...,)."""


@struct.dataclass
class Sampler:
    """Draws windows of frames, all speeds alike; a pytree, usable under `jax.jit`."""

    frames: Frames
    """All frames, clip after clip. Shapes (N, ...)."""
    starts: jax.Array
    """First frames of the windows there are. Shape (S,)."""
    cumulative: jax.Array
    """Probability that a draw is this window or one before it. Shape (S,)."""
    length: int = struct.field(pytree_node=False)
    """Frames in a window."""

    def draw(self, key: jax.Array, count: int) -> Frames:
        """Draw windows. Shapes (count, length, ...)."""
        uniform = jax.random.uniform(key, (count,), self.cumulative.dtype)
        place = jnp.searchsorted(self.cumulative, uniform, side="right")
        start = self.starts[jnp.minimum(place, len(self.starts) - 1)]
        rows = start[:, None] + jnp.arange(self.length)
        return jax.tree.map(lambda values: values[rows], self.frames)


@dataclass(frozen=True, eq=False)
class Library:
    """Clips of one robot, at one frame rate. N frames in all, clip after clip."""

    fps: float
    """Frames per second of all clips [Hz]."""
    clips: tuple[Clip, ...]
    """The clips, as they are stored; loops are one lap."""
    offsets: np.ndarray
    """First frame of each clip, and N. Shape (C + 1,)."""
    windows_end: np.ndarray
    """For each clip, the frame at which the last window may start, and one more. Shape (C,)."""
    frames: Frames
    """All frames; loops are followed by a second lap. Shapes (N, ...)."""
    speed_bin: float
    """Labelled speeds this far apart are drawn equally often [m/s]."""

    @property
    def seconds(self) -> float:
        """Time that all clips last together, loops counted once [s]."""
        return sum(clip.seconds for clip in self.clips)

    def clip(self, name: str) -> Clip:
        """Return a clip by name.

        Raises:
            ConfigError: there is none of that name.
        """
        names = [clip.name for clip in self.clips]
        if name not in names:
            raise ConfigError(f"no clip '{name}'{suggest(name, names)}")
        return self.clips[names.index(name)]

    def sampler(self, length: int, held_out: bool = False) -> Sampler:
        """Return what draws windows of `length` frames, from the clips for training or held out.

        Raises:
            ConfigError: there are no windows of that length.
        """
        starts = [
            np.arange(self.offsets[i], self._last_start(i, length) + 1)
            for i, clip in enumerate(self.clips)
            if clip.held_out == held_out
        ]
        rows = np.concatenate(starts) if starts else np.zeros(0, dtype=int)
        if not rows.size:
            raise ConfigError(f"library: no windows of {length} frames")
        middle = rows + length // 2
        speed = np.round(np.asarray(self.frames.command)[middle, 0] / self.speed_bin)
        _, group, size = np.unique(speed, return_inverse=True, return_counts=True)
        cumulative = np.cumsum(1.0 / size[group] / len(size))
        return Sampler(
            frames=self.frames,
            starts=jnp.asarray(rows, jnp.int32),
            cumulative=jnp.asarray(cumulative / cumulative[-1]),
            length=length,
        )

    def windows(self, key: jax.Array, count: int, length: int) -> Frames:
        """Draw windows for training; see `Sampler.draw`, which is cheaper to call often."""
        return self.sampler(length).draw(key, count)

    def _last_start(self, index: int, length: int) -> int:
        """The last frame of a clip at which a window may start."""
        last = int(self.offsets[index + 1]) - length
        return min(last, int(self.windows_end[index]) - 1)


def load_library(robot: Robot, folder: Path | None = None) -> Library:
    """Load the clips of a folder, the packaged ones by default, each with its mirror image.

    Raises:
        ConfigError: there are none, or one does not fit the robot.
    """
    try:
        clips = load_clips(robot, folder or motion_dir())
    except ConfigError as error:
        if folder is not None:
            raise
        raise ConfigError(
            f"robot '{robot.name}': the packaged clips are of a robot with other joints; make or "
            "import its own (docs/motion.md), and name their folder in env.reference.library"
        ) from error
    return make_library(robot, (*clips, *(mirror(robot, clip) for clip in clips)))


def load_clips(robot: Robot, folder: Path) -> tuple[Clip, ...]:
    """Load a folder's clips in the robot's joint order, by name.

    Raises:
        ConfigError: there are none, or one does not fit the robot.
    """
    paths = sorted(folder.glob("*.npz"))
    if not paths:
        raise ConfigError(f"{folder}: no clips (*.npz)")
    return tuple(in_order(robot, load_clip(path)) for path in paths)


def in_order(robot: Robot, clip: Clip) -> Clip:
    """Return a clip with exactly the robot's joints, in its order.

    Raises:
        ConfigError: listing the joints that are missing.
    """
    qpos, qvel = positions(robot, clip), speeds(robot, clip)
    velocity = np.concatenate([clip.velocity[:, :6], qvel[:, robot.qvel_ids]], axis=-1)
    angles = qpos[:, robot.qpos_ids]
    return replace(clip, joint_names=robot.joint_names, joint_angles=angles, velocity=velocity)


def make_library(robot: Robot, clips: tuple[Clip, ...]) -> Library:
    """Lay clips side by side, loops with a second lap, so that windows can cross their seam.

    Raises:
        ConfigError: a clip has another frame rate than the first.
    """
    fps = clips[0].fps
    for clip in clips:
        if abs(clip.fps - fps) > 1e-6 * fps:
            raise ConfigError(
                f"{clip.name}: fps: expected {fps:g} as in {clips[0].name}, got {clip.fps:g}"
            )
    rows = [_unrolled(clip) for clip in clips]
    sizes = [row.frames for row in rows]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    lap = np.array([clip.frames - 1 if clip.loop else clip.frames for clip in clips])
    joined = Frames(
        qpos=_joined([positions(robot, row) for row in rows]),
        qvel=_joined([speeds(robot, row) for row in rows]),
        command=_joined([row.command for row in rows]),
        phase=_joined([row.phase % (2 * np.pi) for row in rows]),
        frequency=_joined([np.full(row.frames, row.frequency) for row in rows]),
    )
    return Library(fps, clips, offsets, offsets[:-1] + lap, joined, load_limits().speed_bin)


def _joined(parts: Iterable[np.ndarray]) -> jax.Array:
    return jnp.asarray(np.concatenate(list(parts)))


def motion_dir() -> Path:
    """Return the folder of packaged clips."""
    return asset_dir() / "motion"


def _unrolled(clip: Clip) -> Clip:
    """A loop's lap, and another one; other clips as they are."""
    if not clip.loop:
        return clip
    return frames_at(clip, np.arange(2 * (clip.frames - 1)) / clip.fps)
