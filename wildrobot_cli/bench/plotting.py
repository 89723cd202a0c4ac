"""A picture of measured speeds."""

from collections.abc import Sequence
from pathlib import Path

from wildrobot_cli.bench.rows import Row
from wildrobot_cli.plots import save_plot


def plot_rows(path: Path, rows: Sequence[Row]) -> None:
    """Plot speed over the number of environments where that was varied, else as bars.

    Raises:
        EnvironmentUnavailable: the disk refuses.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axis = figure.subplots()
    lines: dict[str, list[Row]] = {}
    for row in rows:
        lines.setdefault(row.name, []).append(row)
    if any(len(line) > 1 for line in lines.values()):
        for name, line in lines.items():
            axis.errorbar(
                [row.num_envs for row in line],
                [row.median for row in line],
                yerr=_spreads(line),
                marker="o",
                capsize=3,
                label=name,
            )
        axis.set(xlabel="environments", ylabel="control steps per second", xscale="log")
        axis.set(yscale="log")
        axis.legend(fontsize=8)
    else:
        line = list(reversed(rows))
        axis.barh([row.name for row in line], [row.median for row in line], xerr=_spreads(line))
        axis.set(xlabel=f"control steps per second, {rows[0].num_envs} environments")
    axis.grid(alpha=0.3)
    save_plot(path, figure)


def _spreads(rows: Sequence[Row]) -> tuple[list[float], list[float]]:
    """How far the slowest and the fastest turn lie from the median."""
    return [row.median - row.min for row in rows], [row.max - row.median for row in rows]
