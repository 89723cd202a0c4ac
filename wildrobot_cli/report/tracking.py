"""Pictures of how a robot follows its commands, and where that takes it."""

from typing import Any

import numpy as np

from wildrobot_cli.evaluation.gait import settled
from wildrobot_cli.evaluation.metrics import commanded_heading
from wildrobot_cli.evaluation.smoothing import averaging_window, cycle_mean
from wildrobot_cli.evaluation.trajectory import Floats, Ints, Trajectory
from wildrobot_cli.report.drawing import (
    ALERT,
    FAINT,
    INK,
    LEFT,
    OTHER,
    RIGHT,
    Picture,
    nothing,
    picture,
    sheet,
)

COMPONENTS = (("forward", "m/s"), ("to the left", "m/s"), ("turning", "rad/s"))
"""Name and unit of a command's components."""
COLORS = (LEFT, OTHER, RIGHT)
"""Of the slow, the middle and the fast episode."""
NARROWEST = 0.1
"""Shortest range of an axis of velocities [m/s or rad/s]."""
SHOWN = 32
"""Most episodes whose ways are drawn."""
STRIDE = 0.1
"""Time between two points of a way [s]."""


def tracking_pictures(trajectory: Trajectory) -> list[Picture]:
    """Draw commands against motion, and the ways walked."""
    motion = cycle_mean(trajectory)
    return [_over_time(trajectory, motion), _scatter(trajectory, motion), _ways(trajectory)]


def sample_episodes(trajectory: Trajectory) -> Ints:
    """Episodes of the lowest, the middle and the highest mean forward command. Shape (<= 3,)."""
    alive = np.maximum(trajectory.alive.sum(axis=0), 1)
    order = np.argsort(trajectory.command[..., 0].sum(axis=0) / alive, kind="stable")
    chosen = order[[0, len(order) // 2, -1]]
    return chosen[np.sort(np.unique(chosen, return_index=True)[1])]


def _over_time(trajectory: Trajectory, motion: Floats) -> Picture:
    figure, axes = sheet(7.0, 3, sharex=True)
    time = (np.arange(trajectory.steps) + 1) * trajectory.dt
    for color, episode in zip(COLORS, sample_episodes(trajectory), strict=False):
        rows = trajectory.alive[:, episode]
        for part, axis in enumerate(axes[:, 0]):
            asked = trajectory.command[rows, episode, part]
            whole = rows & (np.arange(len(rows)) >= averaging_window(trajectory))
            axis.plot(time[whole], motion[whole, episode, part], color=color)
            axis.plot(time[rows], asked, color=INK, linewidth=0.9, linestyle=(0, (4, 2)))
        if trajectory.fell[episode] and rows.any():
            axes[0, 0].plot(time[rows][-1], motion[rows, episode, 0][-1], "x", color=ALERT)
    for axis, (name, unit) in zip(axes[:, 0], COMPONENTS, strict=True):
        axis.set_title(f"{name} [{unit}]", loc="left")
        _widen(axis)
    axes[-1, 0].set_xlabel("time [s]")
    return picture(
        figure,
        "Velocity over time",
        "Dashed: commanded; solid: measured, mean over the last gait cycle, in the heading frame. "
        "Blue, green, orange: the episodes of the slowest, the median and the fastest command. "
        "Solid should reach dashed within about two seconds and stay there; a steady offset is a "
        "bias, a slow wave a drift.",
    )


def _widen(axis: Any) -> None:
    """Keep an axis of velocities from magnifying noise."""
    low, high = axis.get_ylim()
    lack = max(0.0, NARROWEST - (high - low)) / 2
    axis.set_ylim(low - lack, high + lack)


def _scatter(trajectory: Trajectory, motion: Floats) -> Picture:
    asked = [i for i in range(3) if i == 0 or np.abs(trajectory.command[..., i]).max() > 0]
    figure, axes = sheet(2.5, 1, len(asked))
    window = averaging_window(trajectory)
    rows = np.arange(trajectory.steps) % window == window - 1
    used = settled(trajectory) & rows[:, None]
    fell = np.broadcast_to(trajectory.fell, used.shape)
    for axis, part in zip(axes[0], asked, strict=True):
        name, unit = COMPONENTS[part]
        axis.set_title(f"{name} [{unit}]", loc="left")
        axis.set(xlabel="commanded", ylabel="measured" if axis is axes[0, 0] else "")
        if not used.any():
            nothing(axis, "no episode lasted long enough")
            continue
        command, measured = trajectory.command[used, part], motion[used, part]
        ends = min(command.min(), measured.min()), max(command.max(), measured.max())
        axis.plot(ends, ends, color=INK, linewidth=0.9, linestyle=(0, (4, 2)))
        for some, color, mark in ((~fell[used], LEFT, "."), (fell[used], ALERT, "x")):
            axis.plot(
                command[some], measured[some], mark, color=color, markersize=3, alpha=0.5,
                rasterized=True,
            )  # fmt: skip
        axis.margins(0.05)
        _widen(axis)
    return picture(
        figure,
        "Commanded and measured",
        "A dot is one gait cycle of one episode, start-up left out. Dots belong on the dashed "
        "line; a flatter cloud falls short of fast commands. Crosses are of episodes that fell.",
    )


def _ways(trajectory: Trajectory) -> Picture:
    figure, axes = sheet(3.7, 2, height_ratios=(3, 2))
    path, heading = axes[:, 0]
    time = (np.arange(trajectory.steps) + 1) * trajectory.dt
    error = np.degrees(np.unwrap(trajectory.heading, axis=0) - commanded_heading(trajectory))
    stride = max(1, round(STRIDE / trajectory.dt))
    for episode in range(min(SHOWN, trajectory.episodes)):
        rows = np.flatnonzero(trajectory.alive[:, episode])[::-stride][::-1]
        way = _from_start(trajectory, episode)[rows]
        path.plot(*way.T, color=LEFT, linewidth=0.7, alpha=0.6)
        heading.plot(time[rows], error[rows, episode], color=LEFT, linewidth=0.6, alpha=0.5)
        if trajectory.fell[episode] and len(rows):
            path.plot(*way[-1], "x", color=ALERT, markersize=5)
            heading.plot(time[rows][-1], error[rows, episode][-1], "x", color=ALERT, markersize=5)
    path.plot(0, 0, "o", color=INK, markersize=4)
    path.set_aspect("equal", adjustable="datalim")
    path.set_xlabel("ahead of the start [m]")
    path.set_title("path from above, to the left is up [m]", loc="left")
    heading.axhline(0.0, color=FAINT, linewidth=0.8)
    heading.set_title("heading less what was commanded [deg]", loc="left")
    heading.set_xlabel("time [s]")
    return picture(
        figure,
        "Paths and headings",
        f"Up to {SHOWN} episodes laid on one start, the dot, and one first heading, to the right. "
        "Paths that all bend one way are a bias; a fan is chance. Crosses are falls.",
    )


def _from_start(trajectory: Trajectory, episode: int) -> Floats:
    """Planar position from the start, along and across the first heading. Shape (T, 2) [m]."""
    moved = trajectory.position[:, episode, :2] - trajectory.position[0, episode, :2]
    cos, sin = np.cos(trajectory.heading[0, episode]), np.sin(trajectory.heading[0, episode])
    return np.stack([cos * moved[:, 0] + sin * moved[:, 1],
                     cos * moved[:, 1] - sin * moved[:, 0]], axis=-1)  # fmt: skip
