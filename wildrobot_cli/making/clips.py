"""From a walk that physics realised to clips: its start, its loop, its stop."""

from dataclasses import dataclass

import numpy as np

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.making.following import Follower, Realised
from wildrobot_cli.making.planning import Motion, WalkPlan, plan, standing
from wildrobot_cli.making.recipe import Recipe
from wildrobot_cli.motion.checks import Check, failures
from wildrobot_cli.motion.clip import Clip, make_clip
from wildrobot_cli.motion.kinematics import kinematics
from wildrobot_cli.motion.limits import load_limits
from wildrobot_cli.robot import Robot

STAND = "stand"
"""Name of the clip that every recipe makes beside its walks."""
STARTS, STOPS = "_start", "_stop"
"""Added to a walk's name for its ends."""


class Unrealised(ConfigError):
    """A walk that gets no further than its plan or its fall: there is no clip to check."""

    def __init__(self, name: str, check: Check) -> None:
        """Tell which measure of a walk failed.

        Args:
            name: the walk.
            check: the measure.
        """
        super().__init__("\n".join(failures(name, [check])))
        self.check = check


@dataclass(frozen=True, eq=False)
class Labels:
    """What a motion is labelled with, at the control rate."""

    command: np.ndarray
    """Forward and leftward velocity [m/s], turning rate [rad/s]. Shape (K, 3)."""
    phase: np.ndarray
    """Phase of the left foot. Shape (K,) [rad]."""
    frequency: float
    """Strides in a second [Hz]."""


def clip_names(recipe: Recipe, name: str) -> tuple[str, ...]:
    """What a walk of the recipe, or standing, becomes: a clip, and its ends where it has them."""
    ends = name != STAND and recipe.walks[name].ends
    return (name, name + STARTS, name + STOPS) if ends else (name,)


def make_clips(robot: Robot, recipe: Recipe, name: str) -> list[Clip]:
    """Plan a walk of the recipe, let physics realise it, and cut it into clips.

    Raises:
        ConfigError: the walk's style does not fit.
        Unrealised: its plan is in the floor, or the robot falls.
        EnvironmentUnavailable: `mink` is not installed.
    """
    walk = plan(robot, recipe, name)
    _require_above_floor(robot, name, walk)
    done = Follower(robot, walk.motion, recipe.gains, recipe.substeps).run()
    _require_upright(recipe, name, walk.motion, done)
    labels = _labels(walk)
    first, last = _loop(recipe, walk)
    quiet = round(recipe.pause / 2 / recipe.control_period)
    spans = (first, last), (quiet, first), (last, len(labels.phase) - 1 - quiet)
    return [
        _cut(robot, recipe, title, done, labels, span, loop=title == name)
        for title, span in zip(clip_names(recipe, name), spans, strict=False)
    ]


def _require_above_floor(robot: Robot, name: str, walk: WalkPlan) -> None:
    """Raise `Unrealised` for a plan whose soles are in the floor before there is any physics."""
    deepest = max(0.0, -float(kinematics(robot, walk.motion.qpos).lowest.min()))
    allowed = load_limits().planned_penetration
    check = Check("penetration of the plan [mm]", 1e3 * deepest, high=1e3 * allowed)
    if not check.passed:
        raise Unrealised(name, check)


def _require_upright(recipe: Recipe, name: str, motion: Motion, done: Realised) -> None:
    """Raise `Unrealised` for a motion that ends on the floor."""
    if not done.finished:
        upright = (len(done.qpos) - 2) * recipe.control_period
        planned = (len(motion.qpos) - 1) * motion.dt
        raise Unrealised(name, Check("time upright [s]", upright, low=planned))


def make_stand(robot: Robot, recipe: Recipe) -> Clip:
    """Let physics realise standing.

    Raises:
        Unrealised: the robot falls.
    """
    motion = standing(robot, recipe)
    done = Follower(robot, motion, recipe.gains, recipe.substeps).run()
    _require_upright(recipe, STAND, motion, done)
    count = len(done.qpos)
    labels = Labels(np.zeros((count, 3)), np.zeros(count), 0.0)
    return _cut(robot, recipe, STAND, done, labels, (0, count - 1), loop=False)


def _loop(recipe: Recipe, walk: WalkPlan) -> tuple[int, int]:
    """Control steps at which the loop begins and ends: whole strides, the last full ones."""
    gait, dt = walk.gait, recipe.control_period
    end = walk.course.pause + (len(recipe.ramp) + 2 * recipe.strides - 1) * gait.step_time
    length = round(recipe.kept * gait.period / dt)
    return round(end / dt) - length, round(end / dt)


def _labels(walk: WalkPlan) -> Labels:
    """Label a walk with its planned forward velocity, averaged over a stride."""
    period, forward = walk.gait.period, walk.motion.dynamics.com_velocity[:, 0]
    command = np.zeros((len(forward), 3))
    command[:, 0] = _smoothed(forward, round(period / walk.motion.dt))
    phase = np.pi * (walk.feet.clock - walk.gait.lift)
    return Labels(command[::2], phase[::2], 1 / period)


def _smoothed(values: np.ndarray, window: int) -> np.ndarray:
    """Moving average over an even number of samples and both ends' halves. Shape (T,)."""
    kernel = np.full(window + 1, 1 / window)
    kernel[[0, -1]] /= 2
    return np.convolve(np.pad(values, window // 2, mode="edge"), kernel, mode="valid")


def _cut(
    robot: Robot,
    recipe: Recipe,
    name: str,
    done: Realised,
    labels: Labels,
    span: tuple[int, int],
    loop: bool,
) -> Clip:
    """Cut control steps `span`, both ends included, into a clip that starts at x = 0."""
    rows = slice(span[0], span[1] + 1)
    root, rates = done.qpos[rows, robot.root_qpos], done.qvel[rows, robot.root_qvel]
    velocity = np.concatenate([rates, done.qvel[rows][:, robot.qvel_ids]], axis=-1)
    command = labels.command[rows]
    return make_clip(
        name,
        1 / recipe.control_period,
        robot.joint_names,
        root[:, :3] - root[0, :3] * np.array([1.0, 0.0, 0.0]),
        root[:, 3:],
        done.qpos[rows][:, robot.qpos_ids],
        velocity=velocity,
        command=np.tile(command.mean(axis=0), (len(command), 1)) if loop else command,
        phase=labels.phase[rows] - 2 * np.pi * np.floor(labels.phase[rows][0] / (2 * np.pi)),
        frequency=labels.frequency,
        loop=loop,
        held_out=name in recipe.walks and recipe.walks[name].held_out,
        source=recipe.human.source,
        licence=recipe.human.licence,
    )
