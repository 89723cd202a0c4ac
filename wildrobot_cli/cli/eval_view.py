"""What `wildrobot eval` shows: progress, and a table a robot owner can read."""

from dataclasses import dataclass
from pathlib import Path

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from wildrobot_cli.cli.animating import show_video, video_file
from wildrobot_cli.cli.console import check_json, console, show_table, write_json
from wildrobot_cli.config.schema import Config
from wildrobot_cli.evaluation.evaluate import SCENARIOS, Evaluation, evaluate
from wildrobot_cli.evaluation.run_log import evaluate_log
from wildrobot_cli.evaluation.table import table_rows
from wildrobot_cli.evaluation.video import animate
from wildrobot_cli.report.animation import KINDS, Animation, make_animation
from wildrobot_cli.report.page import check_report, write_report
from wildrobot_cli.robot import load_robot
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
            name = f"measuring {scenario}" if scenario in SCENARIOS else scenario
            if not console.is_terminal:
                console.print(name)
            self._tasks[scenario] = self._bar.add_task(name, total=1.0)
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
    report: Path | None
    """Page to write."""
    no_rendering: str | None
    """Why nothing can be rendered here; None where it can."""
    json: Path | None
    """Results file to write."""


def run_evaluation(request: EvalRequest) -> bool:
    """Evaluate a run, print the table, write what was asked; return whether the gates held."""
    check_json(request.json)
    video = video_file(request.video)
    if request.report is not None:
        check_report(request.report)
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
        _draw(request, video, evaluation, display)
    finally:
        display.close()
    show_evaluation(evaluation)
    show_video(request.video, video)
    if request.report is not None:
        console.print(f"report in {request.report}", soft_wrap=True)
    write_json(request.json, {"passed": evaluation.passed, "scenarios": evaluation.scenarios})
    return evaluation.passed


def _draw(
    request: EvalRequest, video: Path | None, evaluation: Evaluation, display: EvalDisplay
) -> None:
    """Write the animation and the page that were asked for, of the first scenario."""
    robot = load_robot(request.config.env.robot)
    trajectory = next(iter(evaluation.trajectories.values()))

    def rendered(share: float) -> None:
        display.update("animation", share)

    if video is not None:
        animate(video, robot, trajectory, rendered)
    if request.report is not None:
        if request.no_rendering is not None:
            animation = Animation(missing=request.no_rendering)
        elif video is not None and video.suffix.lower() in KINDS:
            animation = Animation.read(video)
        else:
            animation = make_animation(robot, trajectory, rendered)
        write_report(
            request.report,
            request.run,
            robot,
            evaluation,
            animation,
            lambda share: display.update("report", share),
        )


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
    show_table(steps, columns, table_rows(evaluation.scenarios))
    gate = f"success rate at least {evaluation.min_success_rate:.0%} in every scenario"
    mark = "[green]passed[/green]" if evaluation.passed else "[red]FAILED[/red]"
    console.print(f"{mark}: {gate}")
