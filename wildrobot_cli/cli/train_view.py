"""What `wildrobot train` shows: live progress in a terminal, plain lines in a pipe."""

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from wildrobot_cli.cli.console import check_json, console, duration, write_json
from wildrobot_cli.cli.eval_view import EvalDisplay, show_evaluation, show_figures
from wildrobot_cli.config.schema import Config
from wildrobot_cli.evaluation.evaluate import Evaluation
from wildrobot_cli.training.progress import Forecast, Progress
from wildrobot_cli.training.result import TrainingResult

LINE_EVERY = 10.0
"""Time between two progress lines in a pipe [s]."""


class TrainDisplay:
    """Shows where a training stands."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self._live: Live | None = None
        self._last_line = -math.inf

    def update(self, progress: Progress) -> None:
        """Show an iteration's progress."""
        if progress.forecast is not None:
            console.print(_foretold(progress.forecast))
        if console.is_terminal:
            if self._live is None:
                self._live = Live(console=console, refresh_per_second=8)
                self._live.start()
            self._live.update(self._panel(progress))
            return
        now = time.monotonic()
        if now - self._last_line >= LINE_EVERY or progress.env_steps >= progress.total_steps:
            self._last_line = now
            cells = [f"{name} {value}" for name, value in self._cells(progress).items()]
            console.print("  ".join(cells), soft_wrap=True)

    def close(self) -> None:
        """Leave the last state on the screen."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _cells(self, progress: Progress) -> Mapping[str, str]:
        metrics = progress.metrics
        length = metrics["episode/length"] * progress.control_period
        return {
            "steps": f"{progress.env_steps:,}/{progress.total_steps:,}",
            "steps/s": f"{progress.steps_per_s:,.0f}",
            "reward": f"{metrics['episode/reward'] / progress.control_period:.2f}/s",
            "episode": "-" if math.isnan(length) else f"{length:.1f} s",
            "velocity error": f"{metrics['velocity_error']:.3f} m/s",
            "left": duration(progress.seconds_left),
        }

    def _panel(self, progress: Progress) -> Table:
        grid = Table.grid(padding=(0, 2))
        cells = self._cells(progress)
        grid.add_row(*(Text(name, style="dim") for name in cells))
        grid.add_row(*cells.values())
        outer = Table.grid()
        outer.add_row(ProgressBar(progress.total_steps, progress.env_steps, width=70))
        outer.add_row(grid)
        return outer


def _foretold(forecast: Forecast) -> str:
    """What the rest of the run takes, for people."""
    memory = f"{forecast.memory_mb / 2**10:.1f} GB of memory"
    return f"about {duration(forecast.seconds)} to go, evaluation included; {memory}"


@dataclass(frozen=True)
class TrainRequest:
    """What was asked of `wildrobot train`."""

    config: Config
    """What to train; of a resumed run, its own."""
    runs: Path
    """Folder that holds the runs."""
    name: str | None
    """Name of the new run; made of the time when None."""
    resume: Path | None
    """The run to go on with; None for a new one."""
    verify: bool
    """Whether it is a smoke run."""
    max_minutes: float | None
    """Time limit [min]."""
    wandb: bool | None
    """Whether to log to Weights & Biases; None is as the run did before."""
    json: Path | None
    """Results file to write."""

    @property
    def title(self) -> str:
        """What is being trained."""
        return self.config.env.robot if self.resume is None else str(self.resume)


def run_training(request: TrainRequest) -> bool:
    """Train, evaluate, print the results and the next command; return whether the gates held.

    A smoke run is held to none, as it is too short to walk; nor is a process that leaves the
    evaluation to another one.
    """
    check_json(request.json)
    console.print(
        Text.assemble(("training", "bold"), f" {request.title}: building the environment")
    )
    from wildrobot_cli.commands import train as command

    display, measuring = TrainDisplay(), EvalDisplay()

    def on_evaluation(scenario: str, share: float) -> None:
        display.close()
        measuring.update(scenario, share)

    callbacks = command.Callbacks(display.update, on_evaluation)
    try:
        if request.resume is not None:
            done = command.resume_and_evaluate(
                request.resume, request.max_minutes, callbacks, request.wandb
            )
        elif request.verify:
            done = command.verify(request.config, callbacks, bool(request.wandb))
        else:
            limit, wandb = request.max_minutes, bool(request.wandb)
            done = command.train_and_evaluate(
                request.config, request.runs, request.name, limit, callbacks, wandb
            )
    finally:
        display.close()
        measuring.close()
    result, evaluation = done
    if evaluation is None:
        return True
    _show_result(request, result, evaluation)
    return request.verify or evaluation.passed


def _show_result(request: TrainRequest, result: TrainingResult, evaluation: Evaluation) -> None:
    console.print(
        f"{result.new_steps:,} steps in {duration(result.train_s)} "
        f"({result.env_steps_per_s:,.0f} steps/s; compiling {duration(result.compile_s)}; "
        f"{duration(result.wall_s)} in all) on {result.engine}, {result.device}"
    )
    if not result.reproducible:
        console.print("on this device the same seed may give other parameters next time")
    if request.verify:
        show_figures(evaluation)
        console.print("verified: it trains, saves and measures here; nothing was kept")
    else:
        show_evaluation(evaluation)
        console.print(f"saved in {result.run}; measure it again:\n  wildrobot eval {result.run}")
    write_json(request.json, {**asdict(result), "eval": evaluation.scenarios})
