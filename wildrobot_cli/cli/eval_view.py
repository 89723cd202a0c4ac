"""What `wildrobot eval` shows: progress, and a table a robot owner can read."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from wildrobot_cli.cli.console import check_json, console, show_rows, show_table, write_json
from wildrobot_cli.commands.settings import load_config
from wildrobot_cli.evaluation.evaluate import Evaluation, evaluate
from wildrobot_cli.evaluation.run_log import evaluate_log
from wildrobot_cli.evaluation.video import animate, check_video_path
from wildrobot_cli.training.run_folder import RunFolder

ANIMATION = "animation"


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
            title = scenario if scenario == ANIMATION else f"measuring {scenario}"
            if not console.is_terminal:
                console.print(title)
            self._tasks[scenario] = self._bar.add_task(title, total=1.0)
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
    scenarios: tuple[str, ...]
    """Scenario names or files; `all` is every packaged one."""
    episodes: int | None
    """Rollouts a scenario; as configured when None."""
    overrides: tuple[str, ...]
    """Assignments to the configuration, stronger than run and scenario."""
    checkpoint: str | None
    """Control steps of the checkpoint; the newest when None."""
    against: RunFolder | None
    """A run to measure beside it."""
    sim_to_sim: bool
    """Whether to measure it in several simulations."""
    video: Path | None
    """Animation to write."""
    json: Path | None
    """Results file to write."""


def run_evaluation(request: EvalRequest) -> bool:
    """Evaluate a run, print the table, write what was asked; return whether the gates held."""
    check_json(request.json)
    if request.video is not None:
        check_video_path(request.video)
    display = EvalDisplay()
    try:
        evaluation = evaluate(
            request.run,
            request.scenarios,
            request.episodes,
            request.overrides,
            request.checkpoint,
            display.update,
        )
        if request.video is not None:
            config = load_config(request.run.config_file, request.overrides)
            animate(request.run, config, request.checkpoint, request.video, display.update)
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
    """Print an evaluation's figures and its verdict: one row a scenario where there are more."""
    title = f"{evaluation.run} after {evaluation.env_steps:,} steps"
    if len(evaluation.scenarios) == 1:
        ((name, figures),) = evaluation.scenarios.items()
        rows = [(label, fill(figures, pattern, keys)) for label, pattern, *keys in _ALL_FIGURES]
        show_table(title, ("", name), rows)
    else:
        header = ("", *(label for label, *_ in _COLUMNS), "gates")
        lines = [(name, *_cells(figures)) for name, figures in evaluation.scenarios.items()]
        show_rows(f"{title}, {_episodes(evaluation)} episodes each", header, lines)
    show_verdict(evaluation.scenarios)


def show_verdict(scenarios: Mapping[str, Mapping[str, Any]]) -> None:
    """Print which gates failed, and what was shown without being held to any."""
    for name, figures in scenarios.items():
        for gate, verdict in figures["gates"].items():
            if not verdict["passed"]:
                console.print(f"[red]FAILED[/red]: {name}: {describe_gate(gate, verdict)}")
    for name, figures in scenarios.items():
        if figures["untrained"]:
            asked = ", ".join(figures["untrained"])
            console.print(f"{name}: not held to its gates, asks more than the training ({asked})")
    held = [figures["gates"] for figures in scenarios.values() if figures["gates"]]
    if held and all(verdict["passed"] for gates in held for verdict in gates.values()):
        console.print(f"[green]passed[/green]: {sum(map(len, held))} gates held")


def describe_gate(name: str, verdict: Mapping[str, Any]) -> str:
    """Say what a gate measured and what it wanted."""
    word, limit = ("at least", "min") if "min" in verdict else ("at most", "max")
    measured = verdict["measured"]
    found = "undefined" if measured is None else f"{measured:.4g}"
    return f"{name} {found}, expected {word} {verdict[limit]:g}"


def describe_falls(causes: Mapping[str, list[float]]) -> str:
    """Say what most falls were, and when half of them had happened: `7 tilted 4.1 s`."""
    if not causes:
        return "-"
    cause, times = next(iter(causes.items()))
    rest = "+" if len(causes) > 1 else ""
    return f"{len(times)}{rest} {cause} {times[len(times) // 2]:.1f} s"


def fill(figures: Mapping[str, Any], pattern: str, keys: list[str]) -> str:
    """Fill a pattern with figures; a dash stands for what is undefined."""
    if keys == ["fall_causes"]:
        return describe_falls(figures["fall_causes"])
    values = [_in_milli(figures[key]) if key == _MILLI else figures[key] for key in keys]
    flat = [v for value in values for v in (value.values() if isinstance(value, dict) else [value])]
    return "-" if any(v is None for v in flat) else pattern.format(*values)


_ALL_FIGURES: tuple[tuple[str, ...], ...] = (
    ("successes", "{} of {}", "successes", "episodes"),
    ("  95 % interval", "{0[0]:.1%} .. {0[1]:.1%}", "success_ci95"),
    ("falls: most common, half by", "", "fall_causes"),
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
    ("joints beyond speed-torque line", "{:.2%}", "overtorque"),
    ("power [W]", "{:.1f}", "power_w"),
    ("cost of transport", "{:.2f}", "cost_of_transport"),
)
"""Label, format, and the figures that fill it."""

_COLUMNS: tuple[tuple[str, ...], ...] = (
    ("successes", "{}/{}", "successes", "episodes"),
    ("95 %\ninterval", "{0[0]:.2f} {0[1]:.2f}", "success_ci95"),
    ("falls: most,\nhalf by", "", "fall_causes"),
    ("error\nm/s", "{:.3f}", "velocity_error_mps"),
    ("RMS\nNm", "{0[mean]:.2f}", "torque_rms_nm"),
    ("satur-\nated", "{:.1%}", "torque_saturation"),
    ("power\nW", "{:.1f}", "power_w"),
)
"""The same, where a scenario has one row."""

_MILLI = "swing_clearance_m"


def _cells(figures: Mapping[str, Any]) -> list[str]:
    verdict = "ok" if figures["passed"] else "FAIL"
    values = [fill(figures, pattern, keys) for _, pattern, *keys in _COLUMNS]
    return [*values, verdict if figures["gates"] else "-"]


def _episodes(evaluation: Evaluation) -> str:
    counts = {figures["episodes"] for figures in evaluation.scenarios.values()}
    return " or ".join(map(str, sorted(counts)))


def _in_milli(sides: Mapping[str, float | None]) -> dict[str, float | None]:
    return {side: None if value is None else 1000 * value for side, value in sides.items()}
