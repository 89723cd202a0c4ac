"""What `wildrobot bench` shows: progress, speeds with bars, ratios, where the time goes."""

from collections.abc import Sequence
from pathlib import Path

from wildrobot_cli.bench.comparison import Change
from wildrobot_cli.bench.plotting import plot_rows
from wildrobot_cli.bench.result import BenchResult
from wildrobot_cli.bench.rows import Row, name_of
from wildrobot_cli.cli.console import (
    check_json,
    console,
    duration,
    mark,
    show_table,
    stages,
    write_json,
)
from wildrobot_cli.commands.bench import BenchRequest, bench
from wildrobot_cli.plots import check_plot

BAR = 10
"""Characters of the longest bar."""


def run_benchmark(request: BenchRequest, json: Path | None, plot: Path | None) -> bool:
    """Measure, print, write what was asked; return whether nothing became slower."""
    check_json(json)
    if plot is not None:
        check_plot(plot)
    begun: list[BenchResult] = []
    try:
        with stages() as show:
            bench(request, show, begun.append)
    finally:
        if begun and (begun[0].complete or begun[0].rows):
            _report(begun[0], json, plot)
    return begun[0].passed


def _report(result: BenchResult, json: Path | None, plot: Path | None) -> None:
    """Print what was measured, and write what was asked."""
    _show(result)
    write_json(json, result.to_json())
    if plot is not None and result.rows:
        plot_rows(plot, result.rows)
        console.print(f"plot in {plot}")


def _show(result: BenchResult) -> None:
    device = result.device
    versions = ", ".join(f"{name} {device['versions'][name]}" for name in ("jax", "mujoco"))
    console.print(f"{device['device']}, {device['cores']} cores, {versions}")
    for name, value in device.get("variables", {}).items():
        console.print(f"measured with {name}={value}")
    if result.rows:
        _show_rows(result.rows)
    if result.startup:
        _show_startup(result)
    found = {name: value for name, value in result.ratios.items() if value is not None}
    if found:
        rows = [(name.replace("_", " "), f"{value:.2f}") for name, value in found.items()]
        show_table("ratios, within this run", ("", "times as fast"), rows)
    _show_rest(result)


def _show_rows(rows: Sequence[Row]) -> None:
    fastest = max(row.median for row in rows)
    cells = [
        (
            row.name,
            str(row.num_envs),
            f"{row.median:,.0f}",
            f"{row.min / row.median - 1:+.0%} {row.max / row.median - 1:+.0%}",
            "\u2588" * max(round(BAR * row.median / fastest), 1),
            f"{row.peak_memory_mb:,.0f}",
        )
        for row in rows
    ]
    columns = ("", "envs", "steps/s", "turns", "", "MB")
    show_table("control steps per second", columns, cells)


def _show_startup(result: BenchResult) -> None:
    phases = ("import", "build", "compile", "first_iteration", "total")
    rows = [
        (f"{start.cache} cache", *(f"{getattr(start, f'{phase}_s'):.1f}" for phase in phases))
        for start in result.startup
    ]
    columns = ("", *(phase.replace("_", " ") for phase in phases))
    show_table("start of a training [s]", columns, rows)


def _show_rest(result: BenchResult) -> None:
    if result.us_per_env_step is not None:
        parts = [f"{name} {value:.1f}" for name, value in result.us_per_env_step.items()]
        console.print(f"microseconds per control step of training: {', '.join(parts)}")
    for name, kilobytes in result.memory_kb_per_env.items():
        console.print(f"an environment more, {name}: {kilobytes:.1f} KB")
    for impl, num_envs in result.largest.items():
        console.print(f"largest batch that trained, MJX {impl}: {num_envs:,} environments")
    if result.time_to_walk_s is not None:
        steps = f"{result.train_steps:,} control steps"
        console.print(f"training as configured, {steps}: {duration(result.time_to_walk_s)}")
    for text in result.left_out:
        console.print(f"not measured: {text}", style="yellow")
    if not result.complete:
        console.print("incomplete: ended before all was measured", style="yellow")
    for change in result.changes:
        _show_change(change)
    if result.changes:
        text = ": nothing slower than before by more than the noise"
        console.print(mark(result.passed, text))


def _show_change(change: Change) -> None:
    what, engine, impl, num_envs = change.key
    name = name_of(what, engine, impl)
    unit = "in units of the reference model's physics" if change.by_yardstick else "as it is"
    text = f"{name}, {num_envs}: {change.ratio:.2f} of before, noise {change.noise:.2f}, {unit}"
    console.print(text, style="red" if change.is_regression else "")
