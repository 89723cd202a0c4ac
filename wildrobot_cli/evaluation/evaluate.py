"""Measuring a run's policy on scenarios, from physics and not from rewards."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wildrobot_cli.config.scenario import load_scenarios
from wildrobot_cli.evaluation.gates import check_figures
from wildrobot_cli.evaluation.measuring import Progress, Subject, measure
from wildrobot_cli.evaluation.trajectory import Trajectory
from wildrobot_cli.training.run_folder import RunFolder, open_run

KEPT = 32
"""Episodes of each scenario whose trajectories are kept: a whole suite is too much to hold."""


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found."""

    run: str
    """Name of the run."""
    env_steps: int
    """Control steps of training behind the policy."""
    scenarios: dict[str, dict[str, Any]]
    """Figures and gates by scenario; the keys are documented in docs/evaluation.md."""
    trajectories: dict[str, Trajectory]
    """The rollouts themselves by scenario, the first `KEPT` of each."""

    @property
    def passed(self) -> bool:
        """Whether every scenario's gates held."""
        return all(figures["passed"] for figures in self.scenarios.values())


def evaluate(
    run: RunFolder | Path | str,
    scenarios: tuple[str, ...] = ("flat",),
    episodes: int | None = None,
    overrides: tuple[str, ...] = (),
    checkpoint: str | None = None,
    on_progress: Progress | None = None,
) -> Evaluation:
    """Roll out a run's deterministic policy and measure it.

    Args:
        run: the run, or its folder.
        scenarios: YAML files, or names of packaged ones; `all` is all of those.
        episodes: rollouts a scenario; as scenario or run say when None.
        overrides: assignments such as `env.engine=mjx`, stronger than run and scenario.
        checkpoint: `best`, `latest` or a number of control steps; the newest when None.
        on_progress: called with the scenario and the share of it that is done.

    Raises:
        ConfigError: an unknown scenario, or a run or checkpoint that does not fit.
    """
    run = run if isinstance(run, RunFolder) else open_run(Path(run))
    subject = Subject(run, checkpoint, overrides, episodes)
    loaded = load_scenarios(scenarios)
    for scenario in loaded:
        config = subject.config(scenario)
        check_figures(scenario, config.env.reference is not None)
    figures, trajectories = {}, {}
    for scenario in loaded:
        measured = measure(subject, scenario, on_progress)
        figures[scenario.name] = measured.figures
        trajectories[scenario.name] = measured.trajectory.only(slice(KEPT))
    return Evaluation(run.name, subject.policy.env_steps, figures, trajectories)
