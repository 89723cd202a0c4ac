"""What `wildrobot eval` shows: progress, and a table a robot owner can read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from wildrobot_cli.cli.console import check_json, console, show_table, write_json
from wildrobot_cli.config.schema import Config
from wildrobot_cli.evaluation.evaluate import SCENARIOS, Evaluation, evaluate
from wildrobot_cli.evaluation.run_log import evaluate_log
from wildrobot_cli.evaluation.video import animate, check_video_path
from wildrobot_cli.training.run_folder import RunFolder


class EvalDisplay:
    """A progress bar for rollouts in a terminal, one line a scenario in a pipe."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def update(self, scenario: str, share: float) -> None:
        """Show how much of a scenario is done, in 0..1."""
        if self._bar is None:
            columns = (TextColumn("{task.description}"), BarColumn())
            self._bar = Progress(
                *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal
            )
            self._bar.start()
        if scenario not in self._tasks:
            if not console.is_terminal:
                console.print(f"measuring {scenario}" if scenario in SCENARIOS else scenario)
            self._tasks[scenario] = self._bar.add_task(f"measuring {scenario}", total=1.0)
        self._bar.update(self._tasks[scenario], completed=share)

    def close(self) -> None:
        """Stop drawing."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


@dataclass(frozen=True)
class EvalRequest:
    """What was asked of `wildrobot eval`."""

    run: RunFolder
    """The run."""
    config: Config
    """Its configuration, with overrides."""
    scenarios: tuple[str, ...]
    """Scenario names; `all` is every one."""
    episodes: int | None
    """Rollouts a scenario; as configured when None."""
    checkpoint: str | None
    """Control steps of the checkpoint; the newest when None."""
    video: Path | None
    """Animation to write."""
    json: Path | None
    """Results file to write."""


def run_evaluation(request: EvalRequest) -> bool:
    """Evaluate a run, print the table, write what was asked; return whether the gates held."""
    check_json(request.json)
    if request.video is not None:
        check_video_path(request.video)
    names = tuple(SCENARIOS) if "all" in request.scenarios else request.scenarios
    display = EvalDisplay()
    try:
        evaluation = evaluate(
            request.run,
            names,
            request.episodes,
            request.config,
            request.checkpoint,
            display.update,
        )
        if request.video is not None:
            animate(request.run, request.config, request.checkpoint, request.video, display.update)
    finally:
        display.close()
    show_evaluation(evaluation)
    if request.video is not None:
        console.print(f"animation in {request.video}")
    write_json(request.json, {"passed": evaluation.passed, "scenarios": evaluation.scenarios})
    return evaluation.passed


def show_log(folder: Path, json: Path | None) -> bool:
    """Measure a log, print the table, write results; return whether the robot kept walking."""
    check_json(json)
    evaluation = evaluate_log(folder)
    show_evaluation(evaluation)
    write_json(json, {"passed": evaluation.passed, "scenarios": evaluation.scenarios})
    return evaluation.passed


def show_evaluation(evaluation: Evaluation) -> None:
    """Print an evaluation's figures, one column a scenario, and its verdict."""
    steps = f"{evaluation.run} after {evaluation.env_steps:,} steps"
    columns = ("", *evaluation.scenarios)
    rows = [
        (label, *(_format(metrics, pattern, keys) for metrics in evaluation.scenarios.values()))
        for label, pattern, *keys in _ROWS
    ]
    show_table(steps, columns, rows)
    gate = f"success rate at least {evaluation.min_success_rate:.0%} in every scenario"
    mark = "[green]passed[/green]" if evaluation.passed else "[red]FAILED[/red]"
    console.print(f"{mark}: {gate}")


_ROWS: tuple[tuple[str, ...], ...] = (
    ("episodes without a fall", "{} of {}", "successes", "episodes"),
    ("  95 % interval", "{0[0]:.1%} .. {0[1]:.1%}", "success_ci95"),
    ("distance [m]", "{:.2f}", "distance_m"),
    ("velocity error [m/s]", "{:.3f}", "velocity_error_mps"),
    ("yaw rate error [rad/s]", "{:.3f}", "yaw_rate_error_rps"),
    ("heading drift [deg]", "{:.1f}", "heading_drift_deg"),
    ("lateral drift [m]", "{:.2f}", "lateral_drift_m"),
    ("duty factor, left and right", "{0[left]:.2f}  {0[right]:.2f}", "duty_factor"),
    ("double support, flight", "{:.2f}  {:.3f}", "double_support", "flight"),
    ("swing clearance [mm]", "{0[left]:.1f}  {0[right]:.1f}", "swing_clearance_m"),
    ("foot slip [m/s]", "{:.3f}", "foot_slip_mps"),
    ("step symmetry [%], alternation", "{:.1f}  {:.2f}", "symmetry_pct", "alternation"),
    ("torque RMS, mean and worst [Nm]", "{0[mean]:.2f}  {0[worst]:.2f}", "torque_rms_nm"),
    ("torque peak [Nm], saturated", "{:.2f}  {:.2%}", "torque_peak_nm", "torque_saturation"),
    ("joints beyond no-load speed", "{:.2%}", "overspeed"),
    ("power [W]", "{:.1f}", "power_w"),
    ("cost of transport", "{:.2f}", "cost_of_transport"),
)
"""Label, format, and the metrics that fill it."""

_MILLI = "swing_clearance_m"


def _format(metrics: Mapping[str, Any], pattern: str, keys: list[str]) -> str:
    """Fill a row's pattern; a dash stands for what is undefined."""
    values = [_in_milli(metrics[key]) if key == _MILLI else metrics[key] for key in keys]
    flat = [v for value in values for v in (value.values() if isinstance(value, dict) else [value])]
    return "-" if any(v is None for v in flat) else pattern.format(*values)


def _in_milli(sides: Mapping[str, float | None]) -> dict[str, float | None]:
    return {side: None if value is None else 1000 * value for side, value in sides.items()}
