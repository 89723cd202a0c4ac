"""A picture of a clip: joint angles beside the human's, and the height of the feet."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wildrobot_cli.making.curves import series
from wildrobot_cli.making.recipe import Recipe
from wildrobot_cli.motion.clip import Clip, positions
from wildrobot_cli.motion.kinematics import kinematics
from wildrobot_cli.plots import save_plot
from wildrobot_cli.robot import Robot

SIDES = ("left", "right")


def plot_clip(path: Path, robot: Robot, clip: Clip, recipe: Recipe) -> None:
    """Plot a clip over time, or over the cycle where it has one; see `plots.check_plot`.

    Raises:
        EnvironmentUnavailable: the disk refuses.
    """
    from matplotlib.figure import Figure

    joints = _without_sides(robot.joint_names)
    rows = len(joints) // 2 + 1
    figure = Figure(figsize=(11, 2.2 * rows), layout="constrained")
    axes = figure.subplots(rows, 2, squeeze=False).ravel()
    when, unit = _clock(clip)
    for axis, joint in zip(axes, joints, strict=False):
        _joint(axis, clip, joint, when)
        _human(axis, clip, joint, recipe)
    _feet(axes[len(joints)], robot, clip, when)
    for axis in axes[len(joints) + 1 :]:
        axis.set_visible(False)
    for axis in axes:
        axis.set_xlabel(unit)
        axis.grid(alpha=0.3)
    figure.suptitle(f"{clip.name}: {clip.command[:, 0].mean():.2f} m/s")
    save_plot(path, figure)


def _without_sides(names: Sequence[str]) -> list[str]:
    """What joints are called when left and right are not told apart, those of neither side last."""
    found = dict.fromkeys(name.removeprefix("left_").removeprefix("right_") for name in names)
    return sorted(found, key=lambda name: name in names)


def _clock(clip: Clip) -> tuple[np.ndarray, str]:
    """Place in the cycle of each frame, from the left foot's lift-off, or its time. Shape (T,)."""
    if clip.frequency and clip.loop:
        return clip.phase / (2 * np.pi), "cycles from left lift-off"
    return np.arange(clip.frames) / clip.fps, "time [s]"


def _joint(axis: Any, clip: Clip, joint: str, when: np.ndarray) -> None:
    names = [
        name for name in (f"left_{joint}", f"right_{joint}", joint) if name in clip.joint_names
    ]
    for name in names:
        angles = np.degrees(clip.joint_angles[:, clip.joint_names.index(name)])
        axis.plot(when, angles, label=name.removesuffix(f"_{joint}") if "_" in name else name)
    axis.set_title(f"{joint} [deg]", fontsize=9)
    axis.legend(fontsize=7)


def _human(axis: Any, clip: Clip, joint: str, recipe: Recipe) -> None:
    """The human curve, with the robot's signs, over the left leg's cycle."""
    human = recipe.human
    curves = {"hip_pitch": (-1, human.hip), "knee_pitch": (1, human.knee)}
    curves["ankle_pitch"] = (-1, human.ankle)
    if joint not in curves or not clip.loop or not clip.frequency:
        return
    sign, curve = curves[joint]
    when = np.linspace(0, clip.phase[-1] / (2 * np.pi), 200)
    cycle = (when + human.toe_off) % 1.0
    axis.plot(when, sign * series(curve, cycle), "k:", lw=1, label="human, 1.25 m/s")
    axis.legend(fontsize=7)


def _feet(axis: Any, robot: Robot, clip: Clip, when: np.ndarray) -> None:
    lowest = kinematics(robot, positions(robot, clip)).lowest
    for foot, side in enumerate(SIDES):
        axis.plot(when, 1e3 * lowest[:, foot], label=side)
    axis.set_title("lowest point of the sole [mm]", fontsize=9)
    axis.legend(fontsize=7)
