"""Pictures for a page that is light or dark: drawn once, coloured by whoever looks."""

from base64 import b64encode
from dataclasses import dataclass
from io import StringIO
from typing import Any

import numpy as np

from wildrobot_cli.evaluation.trajectory import Floats
from wildrobot_cli.robot import Robot
from wildrobot_cli.robot.sides import common_name, sides

INK, FAINT, GRID = "#1f2328", "#6e7781", "#d8dee4"
"""Colours of text and commands, of ticks and what stands back, of grid lines."""
LEFT, RIGHT, OTHER, ALERT = "#0072b2", "#d55e00", "#009e73", "#a8127d"
"""Colours of the left side, the right side, neither, and falls: Okabe and Ito's, which
colour-blind readers can tell apart."""
SIDES = (("left", LEFT, "-"), ("right", RIGHT, (0, (4, 1.5))))
"""Name, colour and stroke of each side; print without colours has the stroke."""
_ORDER = {0: 0, 1: 1, None: 2}
"""In which order joints of the left side, the right one and neither are drawn."""
DARK = {
    INK: "#e6edf3",
    FAINT: "#9198a1",
    GRID: "#30363d",
    LEFT: "#56b4e9",
    RIGHT: "#f2a33a",
    OTHER: "#3ddbb0",
    ALERT: "#ff8ad8",
}
"""What each colour becomes on a dark page."""
WIDTH = 4.7
"""Width of every picture [in]; a phone shows it whole, in letters that can be read."""
STYLE: dict[Any, Any] = {
    "font.size": 8.5,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.edgecolor": FAINT,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.3,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "svg.fonttype": "path",
    "svg.hashsalt": "wildrobot",
}
"""Matplotlib's settings for all pictures."""


@dataclass(frozen=True)
class Picture:
    """One picture of the page."""

    title: str
    """What it shows."""
    caption: str
    """What to look for in it."""
    uri: str
    """The picture itself, a data URI."""


def sheet(height: float, rows: int = 1, columns: int = 1, **layout: Any) -> tuple[Any, Any]:
    """Return a figure of `WIDTH` and its axes, of shape (rows, columns).

    Args:
        height: of the figure [in].
        rows: of axes.
        columns: of axes.
        layout: further arguments of `Figure.subplots`.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **layout)


def picture(figure: Any, title: str, caption: str) -> Picture:
    """Finish a figure: an SVG whose colours follow the reader's scheme."""
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return Picture(title, caption, data_uri("image/svg+xml", _themed(text.getvalue()).encode()))


def data_uri(kind: str, content: bytes) -> str:
    """Write a file of a MIME type as a data URI."""
    return f"data:{kind};base64,{b64encode(content).decode()}"


def nothing(axis: Any, why: str) -> None:
    """Say in an empty picture why it is empty."""
    axis.text(0.5, 0.5, why, transform=axis.transAxes, ha="center", va="center", color=FAINT)
    axis.set(xticks=[], yticks=[])


def phase_axis(axis: Any) -> None:
    """Label an axis that goes once through the gait cycle."""
    axis.set(xlim=(0, 100), xticks=(0, 25, 50, 75, 100), xlabel="gait cycle [%]")


def spread(axis: Any, x: Floats, curves: Floats, **line: Any) -> None:
    """Draw the mean of curves, shape (N, K), over a band that holds 80 % of them."""
    low, high = np.percentile(curves, (10, 90), axis=0)
    axis.fill_between(x, low, high, color=line["color"], alpha=0.18, linewidth=0)
    axis.plot(x, curves.mean(axis=0), **line)


def side_groups(robot: Robot) -> dict[str, list[int]]:
    """Joints by what they and their partners are called: left before right, the middle last."""
    groups: dict[str, list[int]] = {}
    on = sides(robot)
    for joint in sorted(range(len(on)), key=lambda joint: _ORDER[on[joint]]):
        groups.setdefault(common_name(robot, joint), []).append(joint)
    return groups


def side_colors(robot: Robot) -> list[str]:
    """Colour of each joint by its side."""
    return [OTHER if side is None else SIDES[side][1] for side in sides(robot)]


def _themed(svg: str) -> str:
    """Let an SVG's colours be names that a dark scheme on a screen gives other values."""
    for colour in DARK:
        svg = svg.replace(colour, f"var(--c{colour[1:]})")
    light = "".join(f"--c{colour[1:]}:{colour};" for colour in DARK)
    dark = "".join(f"--c{colour[1:]}:{value};" for colour, value in DARK.items())
    rules = f"svg{{{light}}}@media screen and (prefers-color-scheme:dark){{svg{{{dark}}}}}"
    return svg.replace("</style>", f"{rules}</style>", 1)
