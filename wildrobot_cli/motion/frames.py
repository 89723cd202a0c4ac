"""A clip at any time: interpolated between frames, loops walked on and on."""

from dataclasses import dataclass, replace

import numpy as np

from wildrobot_cli.motion.clip import Clip
from wildrobot_cli.motion.quaternions import about, multiply, rotate, slerp
from wildrobot_cli.runtime.observing.rotations import wrap_angle, yaw


@dataclass(frozen=True, eq=False)
class Lap:
    """What a loop adds from its first frame to its last: a way, a turn, and phase."""

    start: np.ndarray
    """Place of the first frame. Shape (3,) [m]."""
    way: np.ndarray
    """Level displacement. Shape (3,) [m]."""
    turn: float
    """Change of heading [rad]."""
    phase: float
    """Change of phase [rad]."""


def lap_of(clip: Clip) -> Lap:
    """Return what a loop adds in a lap."""
    first, last = clip.root_position[0], clip.root_position[-1]
    heading = yaw(clip.root_quaternion[[0, -1]], np)
    return Lap(
        start=first,
        way=(last - first) * np.array([1.0, 1.0, 0.0]),
        turn=float(wrap_angle(heading[1] - heading[0], np)),
        phase=float(clip.phase[-1] - clip.phase[0]),
    )


def frames_at(clip: Clip, times: np.ndarray) -> Clip:
    """Return the clip's frames at given times; before and after its ends a clip stands still.

    A loop goes on instead, lap after lap. Shape (K,) [s], times not before 0 for a loop.
    """
    duration = (clip.frames - 1) / clip.fps
    lap = np.floor(times / duration + 1e-9).astype(int) if clip.loop else np.zeros(len(times), int)
    place = np.clip((times - lap * duration) * clip.fps, 0, clip.frames - 1)
    before = np.minimum(place.astype(int), clip.frames - 2)
    share = place - before

    def between(values: np.ndarray) -> np.ndarray:
        part = share.reshape(-1, *[1] * (values.ndim - 1))
        return values[before] * (1 - part) + values[before + 1] * part

    quaternion = clip.root_quaternion
    still = replace(
        clip,
        root_position=between(clip.root_position),
        root_quaternion=slerp(quaternion[before], quaternion[before + 1], share),
        joint_angles=between(clip.joint_angles),
        velocity=between(clip.velocity),
        command=between(clip.command),
        phase=between(clip.phase),
        loop=False,
    )
    return _moved(still, lap_of(clip), lap) if clip.loop else still


def _moved(clip: Clip, lap: Lap, count: np.ndarray) -> Clip:
    """Move each frame on by as many laps. Shape (K,) of whole numbers."""
    places = [lap.start]
    for done in range(int(count.max(initial=0))):
        places.append(places[-1] + rotate(about("z", np.array(lap.turn * done)), lap.way))
    turned = about("z", lap.turn * count)
    linear = rotate(turned, clip.velocity[:, :3])
    return replace(
        clip,
        root_position=rotate(turned, clip.root_position - lap.start) + np.array(places)[count],
        root_quaternion=multiply(turned, clip.root_quaternion),
        velocity=np.concatenate([linear, clip.velocity[:, 3:]], axis=-1),
        phase=clip.phase + lap.phase * count,
    )
