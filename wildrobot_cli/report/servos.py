"""Pictures of what the servos are asked for, against what they can do."""

from typing import Any

import numpy as np

from wildrobot_cli.evaluation.trajectory import Floats, Trajectory
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
    side_colors,
)
from wildrobot_cli.robot import Robot

CELLS = 60
"""Parts of each axis of a torque-speed plane."""
BARS = 81
"""Parts of a histogram's axis."""
MARGIN = 1.08
"""How far axes go beyond the limits."""
DENSE = {LEFT: "#2f8fd0", RIGHT: "#e8822a", OTHER: "#1fb58a"}
"""Colours of pixels, which stay what they are on a light page and on a dark one."""
COLUMNS = 3
"""Joints beside each other."""


def servo_pictures(trajectory: Trajectory, robot: Robot) -> list[Picture]:
    """Draw torque and speed of every joint."""
    torque = trajectory.torque[trajectory.alive]
    speed = trajectory.joint_vel[trajectory.alive]
    drawn = trajectory.torque_limit
    limit = robot.torque_limit if drawn is None else drawn.min(axis=0)
    return [
        _planes(torque, speed, limit, robot),
        _histograms(
            torque,
            limit,
            robot,
            "shaft torque [Nm]",
            "Torque by joint",
            "How often each shaft torque occurs, on a logarithmic scale. Uprights are the servo's "
            "limit at stall, the least of all episodes, in colour where a joint goes beyond: only "
            "braking can. Mass piled up at an upright is saturation: that joint has nothing left "
            "for a push.",
        ),
        _histograms(
            speed,
            np.full(len(limit), robot.servo.no_load_speed),
            robot,
            "joint speed [rad/s]",
            "Speed by joint",
            "The same for joint speed; uprights are the no-load speed, beyond which no servo "
            "drives. A real robot cannot follow what lies near them.",
        ),
    ]


def density(torque: Floats, speed: Floats, ranges: tuple[float, float], color: str) -> Floats:
    """Picture of how often a joint is at each speed and torque. Shape (CELLS, CELLS, 4), RGBA.

    The colour is opaque where it is most often, on a logarithmic scale, and clear where never.
    """
    from matplotlib.colors import to_rgb

    bounds = [(-ranges[0], ranges[0]), (-ranges[1], ranges[1])]
    count = np.histogram2d(speed, torque, bins=CELLS, range=bounds)[0].T
    share = np.log1p(count) / max(float(np.log1p(count.max())), 1e-9)
    alpha = np.where(count > 0, 0.15 + 0.85 * share, 0.0)
    return np.concatenate([np.tile(to_rgb(color), (CELLS, CELLS, 1)), alpha[..., None]], axis=-1)


def _planes(torque: Floats, speed: Floats, limit: Floats, robot: Robot) -> Picture:
    names, colors = robot.joint_names, side_colors(robot)
    lines = -(-len(names) // COLUMNS)
    figure, axes = sheet(1.72 * lines + 0.5, lines, COLUMNS, sharex=True, sharey=True)
    free = robot.servo.no_load_speed
    ranges = _range(speed, free), _range(torque, float(robot.torque_limit.max()))
    for joint, axis in enumerate(axes.ravel()[: len(names)]):
        color = colors[joint]
        image = density(torque[:, joint], speed[:, joint], ranges, DENSE[color])
        extent = (-ranges[0], ranges[0], -ranges[1], ranges[1])
        axis.imshow(image, extent=extent, origin="lower", aspect="auto", interpolation="nearest",
                    zorder=1.5)  # fmt: skip
        _limits(axis, float(limit[joint]), float(robot.damping[joint]), free, ranges)
        axis.set_title(names[joint].replace("_", " "), loc="left", fontsize=8)
    for axis in axes.ravel()[len(names) :]:
        axis.set_axis_off()
    figure.supxlabel("joint speed [rad/s]", fontsize=8.5)
    figure.supylabel("shaft torque [Nm]", fontsize=8.5)
    return picture(
        figure,
        "Torque-speed plane",
        "Every sample of every episode, denser where more often. Between the slanted lines lies "
        "what the servo can give: less torque the faster it drives, more when it brakes; the "
        "uprights are the no-load speed. Samples along a slanted line are a servo at its limit.",
    )


def _range(values: Floats, limit: float) -> float:
    """End of an axis that shows a limit and all values."""
    return max(1.25 * limit, float(np.abs(values).max(initial=0.0)))


def _limits(
    axis: Any, limit: float, damping: float, free: float, ranges: tuple[float, float]
) -> None:
    """Draw a servo's lines: shaft torque is the motor's, at most its limit, less damping.

    Args:
        axis: to draw on.
        limit: of the motor's torque [Nm].
        damping: of the joint [Nm s/rad].
        free: speed without load [rad/s].
        ranges: ends of the axes [rad/s, Nm].
    """
    speeds = np.array([-ranges[0], ranges[0]])
    line: dict[str, Any] = {"color": INK, "linewidth": 0.9}
    for sign in (1.0, -1.0):
        axis.plot(speeds, sign * limit - damping * speeds, **line)
        axis.axvline(sign * free, color=FAINT, linewidth=0.7, linestyle=":")
    axis.set(xlim=speeds, ylim=(-ranges[1], ranges[1]))


def _histograms(
    values: Floats,
    limits: Floats,
    robot: Robot,
    label: str,
    title: str,
    caption: str,
) -> Picture:
    names, colors = robot.joint_names, side_colors(robot)
    figure, axes = sheet(0.23 * len(names) + 0.6)
    axis = axes[0, 0]
    span = max(MARGIN * float(limits.max()), float(np.abs(values).max(initial=0.0)))
    edges = np.linspace(-span, span, BARS + 1)
    places = range(len(names), 0, -1)
    if not len(values):
        nothing(axis, "no samples")
    for joint, place in enumerate(places if len(values) else ()):
        count = np.histogram(values[:, joint], bins=edges)[0]
        height = 0.85 * np.log1p(count) / np.log1p(len(values))
        axis.stairs(place + height, edges, baseline=place, fill=True, color=colors[joint])
        beyond = np.abs(values[:, joint]) > limits[joint]
        for limit in (-limits[joint], limits[joint]):
            mark = ALERT if beyond.any() else INK
            axis.plot([limit, limit], [place, place + 0.85], color=mark, linewidth=1.4)
    if len(values):
        axis.set_yticks(places, [name.replace("_", " ") for name in names], va="bottom")
    axis.tick_params(axis="y", length=0, labelcolor=INK)
    axis.grid(False, axis="y")
    axis.set(xlabel=label, xlim=(edges[0], edges[-1]))
    return picture(figure, title, caption)
