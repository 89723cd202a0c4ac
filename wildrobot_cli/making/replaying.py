"""Whether a clip is possible: it is followed in physics, and measured there."""

import numpy as np

from wildrobot_cli.making.dynamics import dynamics
from wildrobot_cli.making.following import Follower
from wildrobot_cli.making.planning import Motion
from wildrobot_cli.making.recipe import Recipe
from wildrobot_cli.motion.checks import (
    Check,
    Replay,
    Subject,
    bearing_by_height,
    bearing_by_load,
    pose_checks,
    replay_checks,
)
from wildrobot_cli.motion.clip import Clip, positions, speeds
from wildrobot_cli.motion.frames import frames_at
from wildrobot_cli.motion.kinematics import kinematics
from wildrobot_cli.motion.limits import CheckLimits
from wildrobot_cli.robot import Robot

LAPS = 3
"""Laps of a loop that are followed; the last one is measured."""


def check_clip(robot: Robot, recipe: Recipe, limits: CheckLimits, clip: Clip) -> list[Check]:
    """Make all measures of a clip whose joints are in the robot's order.

    Where physics cannot follow the clip to its end, feet are taken to bear weight by their height.
    """
    space = kinematics(robot, positions(robot, clip))
    replay = replay_clip(robot, recipe, limits, clip)
    bearing = bearing_by_height(space, limits)
    if replay.finished:
        loads = bearing_by_load(robot, replay.load, limits)
        times = np.arange(clip.frames) / clip.fps / recipe.control_period
        bearing = loads[np.clip(np.round(times).astype(int), 0, len(loads) - 1)]
    subject = Subject(robot, clip, space, bearing, limits)
    return [*pose_checks(subject), *replay_checks(robot, replay, limits)]


def replay_clip(robot: Robot, recipe: Recipe, limits: CheckLimits, clip: Clip) -> Replay:
    """Follow a clip in physics by the robot's servos alone; of a loop, the last of `LAPS` laps."""
    motion = motion_of(robot, recipe, limits, clip)
    done = Follower(robot, motion, recipe.gains, recipe.substeps).run()
    steps = len(done.qpos)
    root = robot.root_qpos
    away = done.qpos[:, root][:, :3] - motion.qpos[: 2 * steps : 2, root][:, :3]
    first = (LAPS - 1) * round(clip.seconds / recipe.control_period) if clip.loop else 0
    first = first if done.finished else 0
    return Replay(
        load=done.load[first:],
        torque=done.torque[first:],
        speed=done.speed[first:],
        tilt=done.tilt[first:],
        deviation=np.linalg.norm(away, axis=-1)[first:],
        finished=done.finished,
    )


def motion_of(robot: Robot, recipe: Recipe, limits: CheckLimits, clip: Clip) -> Motion:
    """Turn a clip into a motion to follow, sampled twice in a control period."""
    dt = recipe.control_period / 2
    duration = clip.seconds * (LAPS if clip.loop else 1)
    rows = frames_at(clip, np.arange(2 * round(duration / dt / 2) + 1) * dt)
    qpos = positions(robot, rows)
    bearing = bearing_by_height(kinematics(robot, qpos), limits)
    return Motion(dt, qpos, bearing, dynamics(robot, qpos, dt, speeds(robot, rows)))
