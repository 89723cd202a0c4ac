"""What `wildrobot eval` shows: progress, and a table a robot owner can read."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from wildrobot_cli.cli.animating import show_video
from wildrobot_cli.cli.console import (
    check_json,
    console,
    mark,
    show_rows,
    show_table,
    write_json,
)
from wildrobot_cli.commands.settings import load_config
from wildrobot_cli.errors import EnvironmentUnavailable
from wildrobot_cli.evaluation.evaluate import Evaluation, evaluate
from wildrobot_cli.evaluation.logged import ENDINGS
from wildrobot_cli.evaluation.run_log import SCENARIO, evaluate_log
from wildrobot_cli.evaluation.table import (
    beyond_training,
    describe_gate,
    figure_rows,
    scenario_rows,
    unmeasured,
)
from wildrobot_cli.evaluation.video import animate, check_video_path
from wildrobot_cli.report.animation import KINDS, Animation, make_animation
from wildrobot_cli.report.page import check_report, write_report
from wildrobot_cli.robot import Robot, load_robot
from wildrobot_cli.training.run_folder import RunFolder

DRAWN = ("animation", "report")
"""What is drawn, not measured."""


class EvalDisplay:
    """A progress bar for rollouts in a terminal, one line a scenario in a pipe."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self._bar: Progress | None = None
        self._tasks: dict[str, TaskID] = {}

    def update(self, scenario: str, share: float) -> None:
        """Show how much of a scenario is done, in 0..1."""
        if self._bar is None:
            columns = (TextColumn("{task.description}", markup=False), BarColumn())
            self._bar = Progress(
                *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal
            )
            self._bar.start()
        if scenario not in self._tasks:
            title = scenario if scenario in DRAWN else f"measuring {scenario}"
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
    """Which checkpoint: `best`, `latest` or its control steps; the newest when None."""
    against: RunFolder | None
    """A run to measure beside it."""
    sim_to_sim: bool
    """Whether to measure it in several simulations."""
    video: Path | None
    """Animation to write."""
    report: Path | None
    """Page to write."""
    no_rendering: str | None
    """Why nothing can be rendered here; None where it can."""
    json: Path | None
    """Results file to write."""


def run_evaluation(request: EvalRequest) -> bool:
    """Evaluate a run, print the table, write what was asked; return whether the gates held."""
    check_json(request.json)
    video = None if request.video is None else check_video_path(request.video)
    if request.report is not None:
        check_report(request.report)
    display = EvalDisplay()
    measured: list[Evaluation] = []
    try:
        evaluate(
            request.run,
            request.scenarios,
            request.episodes,
            request.overrides,
            request.checkpoint,
            display.update,
            measured.append,
        )
    finally:
        display.close()
        if measured:
            show_evaluation(measured[-1])
            write_json(request.json, _results(measured[-1]))
    evaluation = measured[-1]
    _draw(request, video, evaluation)
    return evaluation.passed


def _results(evaluation: Evaluation) -> dict[str, Any]:
    missing = {"missing": evaluation.missing} if evaluation.missing else {}
    return {"passed": evaluation.passed, "scenarios": evaluation.scenarios, **missing}


def _draw(request: EvalRequest, video: Path | None, evaluation: Evaluation) -> None:
    """Write the animation and the page that were asked for, of the first scenario.

    Raises:
        EnvironmentUnavailable: it does not work here; the page is written, if only the animation
            failed.
    """
    if video is None and request.report is None:
        return
    display, failure = EvalDisplay(), None
    try:
        robot = load_robot(load_config(request.run.config_file, request.overrides).env.robot)
        try:
            animation = _animation(request, video, robot, evaluation, display)
        except EnvironmentUnavailable as error:
            animation, failure = Animation(missing=str(error)), error
        if request.report is not None:
            on_progress = partial(display.update, "report")
            write_report(request.report, request.run, robot, evaluation, animation, on_progress)
    finally:
        display.close()
    if not animation.missing:
        show_video(request.video, video)
    elif video is not None and failure is None:
        console.print(f"no animation: {animation.missing}", soft_wrap=True)
    if request.report is not None:
        console.print(f"report in {request.report}", soft_wrap=True)
    if failure is not None:
        raise failure


def _animation(
    request: EvalRequest,
    video: Path | None,
    robot: Robot,
    evaluation: Evaluation,
    display: EvalDisplay,
) -> Animation:
    """Write the animation that was asked for; return what the page is to show of it."""
    trajectory = next(iter(evaluation.trajectories.values()))
    on_progress = partial(display.update, "animation")
    if not trajectory.alive.any():
        return Animation(missing="no episode lasted a control step")
    if video is not None:
        animate(video, robot, trajectory, on_progress)
    if request.report is None:
        return Animation()
    if request.no_rendering is not None:
        return Animation(missing=request.no_rendering)
    if video is not None and video.suffix.lower() in KINDS:
        return Animation.read(video)
    return make_animation(robot, trajectory, on_progress)


def show_log(folder: Path, json: Path | None) -> bool:
    """Measure a log, print the table, write results; return whether the robot kept walking."""
    check_json(json)
    evaluation = evaluate_log(folder)
    show_evaluation(evaluation)
    for cause, times in evaluation.scenarios[SCENARIO]["fall_causes"].items():
        console.print(f"{times[0]:.1f} s after its first step: {ENDINGS[cause]}", soft_wrap=True)
    write_json(json, {"passed": evaluation.passed, "scenarios": evaluation.scenarios})
    return evaluation.passed


def show_evaluation(evaluation: Evaluation) -> None:
    """Print an evaluation's figures and its verdict."""
    show_figures(evaluation)
    show_verdict(evaluation.scenarios, evaluation.missing, evaluation.complete)


def show_figures(evaluation: Evaluation) -> None:
    """Print an evaluation's figures: one row a scenario where there are more."""
    title = f"{evaluation.run} after {evaluation.env_steps:,} steps"
    if len(evaluation.scenarios) == 1:
        ((name, figures),) = evaluation.scenarios.items()
        show_table(title, ("", name), figure_rows(figures))
    else:
        title = f"{title}, {_episodes(evaluation)} episodes each"
        show_rows(title, *scenario_rows(evaluation.scenarios))


def show_verdict(
    scenarios: Mapping[str, Mapping[str, Any]], missing: Mapping[str, str], complete: bool
) -> None:
    """Print which gates failed, what was not held to any, and what was not measured."""
    for name, figures in scenarios.items():
        for gate, verdict in figures["gates"].items():
            if not verdict["passed"]:
                console.print(mark(False, f": {name}: {describe_gate(gate, verdict)}"))
    for line in (*beyond_training(scenarios), *unmeasured(missing)):
        console.print(line, soft_wrap=True)
    held = [figures["gates"] for figures in scenarios.values() if figures["gates"]]
    if not complete:
        console.print("incomplete: ended before every scenario was measured", soft_wrap=True)
    elif held and all(verdict["passed"] for gates in held for verdict in gates.values()):
        console.print(mark(True, f": {sum(map(len, held))} gates held"))


def _episodes(evaluation: Evaluation) -> str:
    counts = {figures["episodes"] for figures in evaluation.scenarios.values()}
    return " or ".join(map(str, sorted(counts)))
