"""Whether a clip is fit to learn from: named measures, each against its limit."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf

import numpy as np

from wildrobot_cli.motion.clip import Clip
from wildrobot_cli.motion.kinematics import Kinematics
from wildrobot_cli.motion.limits import CheckLimits
from wildrobot_cli.motion.mirror import mirror_angles
from wildrobot_cli.motion.rates import mean_command
from wildrobot_cli.robot import Robot
from wildrobot_cli.runtime.observing.rotations import up_vector

ROUNDING = 9
"""Digits to which a saturated servo is at its limit and not beyond."""
NEVER = inf
"""What a replay measures that never got there."""


@dataclass(frozen=True)
class Check:
    """One measure of a clip."""

    name: str
    """What was measured, with its unit."""
    value: float | None
    """The figure; None where the clip has nothing to measure (no swing, no loop)."""
    low: float = -inf
    """Least value allowed."""
    high: float = inf
    """Largest value allowed."""

    @property
    def passed(self) -> bool:
        """Whether the value is allowed."""
        return self.value is None or self.low <= self.value <= self.high

    @property
    def allowed(self) -> str:
        """The limit in words."""
        if self.low == -inf:
            return f"at most {self.high:.4g}"
        return f"at least {self.low:.4g}" if self.high == inf else f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True, eq=False)
class Replay:
    """A clip followed in physics by the robot's servos, without outside force; T' <= T frames."""

    load: np.ndarray
    """Vertical force on each sole. Shape (T', 2) [N]."""
    torque: np.ndarray
    """Shaft torque. Shape (T', n) [Nm]."""
    speed: np.ndarray
    """Joint speeds, at the same instants. Shape (T', n) [rad/s]."""
    tilt: np.ndarray
    """Angle of the root from upright. Shape (T',) [rad]."""
    deviation: np.ndarray
    """Distance of the root from the clip's. Shape (T',) [m]."""
    finished: bool
    """Whether it stayed up to the clip's last frame."""


@dataclass(frozen=True, eq=False)
class Subject:
    """All that the checks read of a clip."""

    robot: Robot
    """The robot that the clip is for, its joints in the robot's order."""
    clip: Clip
    """The clip."""
    space: Kinematics
    """Its feet and legs."""
    bearing: np.ndarray
    """Whether each foot bears weight. Shape (T, 2), bool."""
    limits: CheckLimits
    """What is allowed."""


def pose_checks(subject: Subject) -> list[Check]:
    """Measure what the frames alone show."""
    return [check(subject) for check in _POSE_CHECKS]


def replay_checks(robot: Robot, replay: Replay, limits: CheckLimits) -> list[Check]:
    """Measure what physics made of a clip."""
    force = replay.load.sum(axis=1).mean() / robot.weight
    driving = np.sign(replay.torque) * replay.speed
    left = np.maximum(robot.torque_limit - robot.damping * driving, 1e-3 * robot.torque_limit)
    use = np.round(np.abs(replay.torque) / left, ROUNDING)
    done = replay.finished
    return [
        Check("torque [of what is left]", float(use.max()), high=limits.torque),
        Check("floor force [weights]", float(force) if done else 0.0, *limits.weight),
        Check("tilt [deg]", _degrees(replay.tilt.max()), high=_degrees(limits.tilt)),
        Check(
            "deviation in physics [mm]",
            1e3 * float(replay.deviation.max()) if done else NEVER,
            high=1e3 * limits.deviation,
        ),
    ]


def failures(name: str, checks: Iterable[Check]) -> list[str]:
    """Say which checks a clip failed: a line with its name, check, limit and value for each."""
    return [
        f"{name}: {check.name}: expected {check.allowed}, got {check.value:.4g}"
        for check in checks
        if not check.passed
    ]


def bearing_by_height(space: Kinematics, limits: CheckLimits) -> np.ndarray:
    """Which feet seem to bear weight: those that are low. Shape (T, 2), bool.

    Where neither is, the lower one.
    """
    low = space.lowest < limits.touching
    lower = space.lowest == space.lowest.min(axis=1, keepdims=True)
    return low | (lower & ~low.any(axis=1, keepdims=True))


def bearing_by_load(robot: Robot, load: np.ndarray, limits: CheckLimits) -> np.ndarray:
    """Which feet bear weight; gaps and contacts of one frame are noise. Shape (T, 2), bool."""
    bears = load > limits.bearing * robot.weight
    bears[1:-1] |= bears[:-2] & bears[2:]
    bears[1:-1] &= bears[:-2] | bears[2:]
    return bears


def _penetration(subject: Subject) -> Check:
    deepest = max(0.0, -float(subject.space.lowest.min()))
    return Check("penetration [mm]", 1e3 * deepest, high=1e3 * subject.limits.penetration)


def _clearance(subject: Subject) -> Check:
    """Lowest point of a sole in the middle third of its swings."""
    heights = []
    for foot in (0, 1):
        for start, end in _runs(~subject.bearing[:, foot]):
            if end - start < subject.limits.shortest_swing * subject.clip.fps:
                continue
            third = (end - start) // 3
            heights.append(subject.space.lowest[start + third : end - third, foot].min())
    value = 1e3 * float(min(heights)) if heights else None
    return Check("mid-swing clearance [mm]", value, low=1e3 * subject.limits.clearance)


def _slip(subject: Subject, name: str, figure: Callable, limit: float) -> Check:
    moved = np.diff(subject.space.soles[..., :2], axis=0) * subject.clip.fps
    bears = subject.bearing[1:] & subject.bearing[:-1]
    speed = np.linalg.norm(moved, axis=-1)[bears]
    return Check(name, float(figure(speed)) if speed.size else None, high=limit)


def _mean_slip(subject: Subject) -> Check:
    return _slip(subject, "stance slip, mean [m/s]", np.mean, subject.limits.slip_mean)


def _fast_slip(subject: Subject) -> Check:
    def percentile(speed: np.ndarray) -> float:
        return float(np.percentile(speed, 95))

    return _slip(subject, "stance slip, 95th % [m/s]", percentile, subject.limits.slip_p95)


def _joint_margin(subject: Subject) -> Check:
    angles = subject.clip.joint_angles
    margin = np.minimum(angles - subject.robot.lower, subject.robot.upper - angles).min()
    limit = _degrees(subject.limits.joint_margin)
    return Check("joint-limit margin [deg]", _degrees(margin), low=limit)


def _leg_gap(subject: Subject) -> Check:
    value = 1e3 * float(subject.space.gap.min())
    return Check("gap between the legs [mm]", value, low=1e3 * subject.limits.leg_gap)


def _joint_speed(subject: Subject) -> Check:
    moved = np.diff(subject.clip.joint_angles, axis=0) * subject.clip.fps
    fastest = max(np.abs(subject.clip.velocity[:, 6:]).max(), np.abs(moved).max())
    share = float(fastest) / subject.robot.servo.no_load_speed
    return Check("joint speed [of no-load]", share, high=subject.limits.joint_speed)


def _seam_angle(subject: Subject) -> Check:
    clip, value = subject.clip, None
    if clip.loop:
        joints = np.abs(clip.joint_angles[-1] - clip.joint_angles[0]).max()
        up = up_vector(clip.root_quaternion[[0, -1]], np)
        value = _degrees(max(joints, np.abs(up[1] - up[0]).max()))
    return Check("loop seam [deg]", value, high=_degrees(subject.limits.seam_angle))


def _seam_speed(subject: Subject) -> Check:
    ends, value = subject.clip.velocity[[0, -1], 6:], None
    if subject.clip.loop:
        value = float(np.abs(ends[1] - ends[0]).max())
    return Check("loop seam [rad/s]", value, high=subject.limits.seam_speed)


def _symmetry(subject: Subject) -> Check:
    """RMS of each joint against its mirror image half a cycle later; the worst joint."""
    clip, value = subject.clip, None
    if clip.loop and clip.frequency > 0:
        angles = clip.joint_angles[:-1]
        half = clip.fps / clip.frequency / 2
        later = (np.arange(len(angles)) + half) % len(angles)
        after = np.concatenate([angles, angles[:1]])
        floor, share = later.astype(int), (later % 1.0)[:, None]
        shifted = after[floor] * (1 - share) + after[floor + 1] * share
        difference = mirror_angles(subject.robot, shifted) - angles
        value = _degrees(np.sqrt((difference**2).mean(axis=0)).max())
    limit = _degrees(subject.limits.symmetry)
    return Check("left against right [deg RMS]", value, high=limit)


def _speed_error(subject: Subject) -> Check:
    clip = subject.clip
    measured = mean_command(clip.root_position, clip.root_quaternion, clip.fps)
    label = (clip.command[1:] + clip.command[:-1]).mean(axis=0) / 2
    scale = np.maximum(np.abs(label), subject.limits.slowest)
    error = 100 * float((np.abs(measured - label) / scale).max())
    return Check("labelled speed, error [%]", error, high=100 * subject.limits.speed_error)


def _duty(subject: Subject, foot: int, side: str) -> Check:
    gait = subject.clip.loop and subject.clip.frequency > 0
    value = float(subject.bearing[:-1, foot].mean()) if gait else None
    return Check(f"duty factor, {side}", value, *subject.limits.duty)


def _left_duty(subject: Subject) -> Check:
    return _duty(subject, 0, "left")


def _right_duty(subject: Subject) -> Check:
    return _duty(subject, 1, "right")


_POSE_CHECKS: tuple[Callable[[Subject], Check], ...] = (
    _penetration,
    _clearance,
    _mean_slip,
    _fast_slip,
    _joint_margin,
    _leg_gap,
    _joint_speed,
    _seam_angle,
    _seam_speed,
    _symmetry,
    _speed_error,
    _left_duty,
    _right_duty,
)


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Complete runs of True that neither start nor end the array: (start, end). Shape (T,)."""
    change = np.flatnonzero(flags[1:] != flags[:-1]) + 1
    starts = [k for k in change if flags[k]]
    return [(int(k), int(change[change > k][0])) for k in starts if (change > k).any()]


def _degrees(angle: float) -> float:
    return float(np.degrees(angle))
