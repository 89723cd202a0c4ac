"""Pictures of the gait: when the feet stand, where they go, how the joints move."""

from typing import Any

import numpy as np

from wildrobot_cli.config.environment import EnvConfig
from wildrobot_cli.env.reference import Reference
from wildrobot_cli.evaluation.gait import contacts, first_settled
from wildrobot_cli.evaluation.naturalness import (
    BINS,
    best_shift,
    by_phase,
    cycle_at,
    reference_cycles,
    walking_samples,
)
from wildrobot_cli.evaluation.trajectory import Bools, Floats, Ints, Trajectory
from wildrobot_cli.evaluation.video import typical_episode
from wildrobot_cli.report.drawing import (
    INK,
    OTHER,
    SIDES,
    Picture,
    nothing,
    phase_axis,
    picture,
    sheet,
    side_groups,
    spread,
)
from wildrobot_cli.robot import Robot
from wildrobot_cli.robot.sides import RIGHT, sides

WINDOW = 4.0
"""Part of an episode that is drawn step by step [s]."""
THIN = 16
"""Most episodes that are drawn one by one."""
NOBODY = "nobody walked long enough"
MILLI = 1e3


def walking_pictures(trajectory: Trajectory, robot: Robot, config: EnvConfig) -> list[Picture]:
    """Draw contacts, feet and joints over time and over the gait cycle."""
    episodes = np.flatnonzero(walking_samples(trajectory).sum(axis=0) >= BINS)
    return [
        _steps(trajectory),
        _cycle(trajectory, episodes),
        _loops(trajectory, episodes),
        _joints(trajectory, robot, config, episodes),
    ]


def _steps(trajectory: Trajectory) -> Picture:
    figure, axes = sheet(3.7, 2, sharex=True, height_ratios=(2, 3))
    bars, heights = axes[:, 0]
    episode, first = typical_episode(trajectory), first_settled(trajectory)
    lasted = int(trajectory.alive[:, episode].sum())
    first = first if lasted > first else 0
    rows = slice(first, min(lasted, first + round(WINDOW / trajectory.dt)))
    time = (np.arange(trajectory.steps)[rows] + 1) * trajectory.dt
    contact = contacts(trajectory)[rows, episode]
    for foot, (side, color, stroke) in enumerate(SIDES):
        runs = [(time[a], (b - a) * trajectory.dt) for a, b in _runs(contact[:, foot])]
        bars.broken_barh(runs, (0.6 - foot, 0.8), color=color)
        height = trajectory.foot_position[rows, episode, foot, 2]
        heights.plot(time, MILLI * height, color=color, linestyle=stroke, label=side)
    bars.set_yticks([1, 0], [side for side, _, _ in SIDES])
    bars.tick_params(axis="y", length=0, labelcolor=INK)
    bars.grid(False, axis="y")
    bars.set_title("foot on the floor", loc="left")
    heights.set_title("height of the sole's centre [mm]", loc="left")
    heights.set(xlabel="time [s]")
    return picture(
        figure,
        "Gait diagram",
        "Bars: the foot bears more than 5 % of the weight. In a walk bars alternate and overlap "
        "a little, evenly. Gaps in both at once are flight; slivers are bounces at landing; "
        "unequal bars are a limp.",
    )


def _runs(flags: Bools) -> list[tuple[int, int]]:
    """First and last + 1 of each run of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _cycle(trajectory: Trajectory, episodes: Ints) -> Picture:
    figure, axes = sheet(3.7, 2, sharex=True, height_ratios=(2, 3))
    share, heights = axes[:, 0]
    contact = contacts(trajectory).astype(float)
    phase = _percent()
    for foot, (side, color, stroke) in enumerate(SIDES if len(episodes) else ()):
        values = np.stack([contact[..., foot], MILLI * trajectory.foot_position[..., foot, 2]], -1)
        curves = _own_cycles(trajectory, values, foot, episodes)
        share.plot(phase, 100 * curves[..., 0].mean(axis=0), color=color, linestyle=stroke)
        spread(heights, phase, curves[..., 1], color=color, linestyle=stroke, label=side)
    if len(episodes):
        heights.legend()
        share.set_ylim(-4, 104)
    else:
        nothing(heights, NOBODY)
    phase_axis(heights)
    share.set_title("foot on the floor [% of cycles]", loc="left")
    heights.set_title("height of the sole's centre [mm]", loc="left")
    return picture(
        figure,
        "Feet over the gait cycle",
        "All episodes, each foot from where its clock lifts it off; the band holds 80 % of "
        "episodes. Left and right should lie on each other. Steep flanks above are steps well "
        "timed; a swing too low below will stumble on a carpet's edge.",
    )


def _loops(trajectory: Trajectory, episodes: Ints) -> Picture:
    figure, axes = sheet(3.1, 1, 2, sharey=True, width_ratios=(3, 2))
    side_view, front = axes[0]
    reach = _from_root(trajectory)
    for foot, (side, color, stroke) in enumerate(SIDES if len(episodes) else ()):
        values = np.concatenate([reach[..., foot, :], trajectory.foot_position[..., foot, 2:]], -1)
        curves = 100 * _own_cycles(trajectory, values, foot, episodes)
        closed = np.concatenate([curves, curves[:, :1]], axis=1)
        for axis, across in ((side_view, 0), (front, 1)):
            axis.plot(*closed[:THIN, :, (across, 2)].T, color=color, linewidth=0.4, alpha=0.4)
            mean = closed.mean(axis=0)
            axis.plot(*mean[:, (across, 2)].T, color=color, linestyle=stroke, label=side)
    if len(episodes):
        side_view.legend(loc="upper left", ncols=1)
    else:
        nothing(side_view, NOBODY)
    side_view.set(xlabel="ahead of the root [cm]", ylabel="height [cm]")
    side_view.set_title("from the side", loc="left")
    front.set(xlabel="to the left [cm]")
    front.invert_xaxis()
    front.set_title("from behind", loc="left")
    return picture(
        figure,
        "Way of the feet",
        "Mean way of each sole's centre, thin lines for single episodes. From the side: equal "
        "loops, flat below (a stance foot that rises or sinks is slipping or rolling). From "
        "behind: the loops must keep apart by more than a sole's width.",
    )


def _from_root(trajectory: Trajectory) -> Floats:
    """Soles' centres from the root, along and across the heading. Shape (T, N, 2, 2) [m]."""
    offset = trajectory.foot_position[..., :2] - trajectory.position[:, :, None, :2]
    cos, sin = (f(trajectory.heading)[..., None] for f in (np.cos, np.sin))
    x, y = offset[..., 0], offset[..., 1]
    return np.stack([cos * x + sin * y, cos * y - sin * x], axis=-1)


def _own_cycles(trajectory: Trajectory, values: Floats, foot: int, episodes: Ints) -> Floats:
    """Mean cycles from a foot's own lift-off by the clock. Shape (T, N, m) -> (E, BINS, m)."""
    rows, phase = walking_samples(trajectory), trajectory.phase - np.pi * foot
    return np.stack([by_phase(phase[rows[:, e], e], values[rows[:, e], e]) for e in episodes])


def _joints(trajectory: Trajectory, robot: Robot, config: EnvConfig, episodes: Ints) -> Picture:
    groups, on = side_groups(robot), sides(robot)
    lines = (len(groups) + 1) // 2
    figure, axes = sheet(1.3 * lines + 0.4, lines, 2, sharex=True)
    cycles = _joint_cycles(trajectory, robot, config, episodes) if len(episodes) else []
    for axis, (name, places) in zip(axes.ravel(), groups.items(), strict=False):
        axis.set_title(f"{name.replace('_', ' ')} [deg]", loc="left")
        if not cycles:
            nothing(axis, NOBODY)
        for place in places if cycles else ():
            foot = int(on[place] == RIGHT)
            look = SIDES[foot] if len(places) > 1 else ("", OTHER, "-")
            _joint(axis, [cycle[..., place] for cycle in cycles], foot, look)
    for axis in axes.ravel()[len(groups) :]:
        axis.set_visible(False)
    for axis in axes[-1]:
        phase_axis(axis)
    dotted = "Dotted: the reference at the same speeds, in phase. " if len(cycles) > 1 else ""
    return picture(
        figure,
        "Joints over the gait cycle",
        "Mean over episodes, the band holds 80 % of them; each leg from its own foot's lift-off "
        f"by the clock. {dotted}Left and right should lie on each other, roll joints mirrored.",
    )


def _joint_cycles(
    trajectory: Trajectory, robot: Robot, config: EnvConfig, episodes: Ints
) -> list[Floats]:
    """Each episode's mean cycle, and the reference's if there is one. Shapes (E, BINS, n) [rad]."""
    ours = _own_cycles(trajectory, trajectory.joint_pos, 0, episodes)
    if config.reference is None:
        return [ours]
    reference = Reference(robot, config.reference, config.control_period)
    cycles, rows = reference_cycles(reference, robot), walking_samples(trajectory)
    speeds = [trajectory.command[rows[:, e], e, 0].mean() for e in episodes]
    theirs = np.stack([cycle_at(cycles, float(speed)) for speed in speeds])
    return [ours, np.roll(theirs, -best_shift(ours, theirs), axis=1)]


def _joint(axis: Any, cycles: list[Floats], foot: int, look: tuple[str, str, Any]) -> None:
    """Draw one joint's cycles, each of shape (E, BINS) [rad], from its foot's own lift-off."""
    _, color, stroke = look
    ours, *theirs = (np.degrees(np.roll(cycle, -foot * (BINS // 2), axis=1)) for cycle in cycles)
    spread(axis, _percent(), ours, color=color, linestyle=stroke)
    for curves in theirs:
        axis.plot(_percent(), curves.mean(axis=0), color=color, linestyle=":", linewidth=1.6)


def _percent() -> Floats:
    """Middle of each part of the gait cycle. Shape (BINS,) [%]."""
    return (np.arange(BINS) + 0.5) * 100 / BINS
