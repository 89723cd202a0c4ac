"""Measuring a run's policy on scenarios, from physics and not from rewards."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from wildrobot_cli.evaluation.measuring import Measured, Progress, Subject, measure
from wildrobot_cli.evaluation.suite import NOT_MEASURED, Missing, awaited, choose, without
from wildrobot_cli.evaluation.trajectory import Trajectory
from wildrobot_cli.training.run_folder import RunFolder, open_run

KEPT = 32
"""Episodes of each scenario but the first whose trajectories are kept: 64 of 20 s take 32 MB."""


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
    """The rollouts themselves by scenario: all of the first, `KEPT` of each other one."""
    missing: Missing = field(default_factory=dict)
    """Scenarios that were asked for and have no figures, and why."""

    @property
    def complete(self) -> bool:
        """Whether no scenario is still to be measured."""
        return NOT_MEASURED not in self.missing.values()

    @property
    def passed(self) -> bool:
        """Whether it is complete, and every scenario's gates held."""
        return self.complete and all(figures["passed"] for figures in self.scenarios.values())

    def extended(self, name: str, measured: Measured) -> Self:
        """Return the same with one more scenario."""
        whole = measured.trajectory
        kept = whole.only(slice(KEPT)) if self.trajectories else whole
        return replace(
            self,
            scenarios={**self.scenarios, name: measured.figures},
            trajectories={**self.trajectories, name: kept},
            missing=without(self.missing, name),
        )


def evaluate(
    run: RunFolder | Path | str,
    scenarios: tuple[str, ...] = ("flat",),
    episodes: int | None = None,
    overrides: tuple[str, ...] = (),
    checkpoint: str | None = None,
    on_progress: Progress | None = None,
    on_scenario: Callable[[Evaluation], None] | None = None,
) -> Evaluation:
    """Roll out a run's deterministic policy and measure it.

    Every scenario is checked before the first one is measured.

    Args:
        run: the run, or its folder.
        scenarios: YAML files, or names of packaged ones; `all` is all of those.
        episodes: rollouts a scenario; as scenario or run say when None.
        overrides: assignments such as `env.engine=mjx`, stronger than run and scenario.
        checkpoint: `best`, `latest` or a number of control steps; the newest when None.
        on_progress: called with the scenario and the share of it that is done.
        on_scenario: called after each scenario with all that is measured: what is left of the
            evaluation if a later one fails.

    Raises:
        ConfigError: an unknown scenario, or a run or checkpoint that does not fit.
        EnvironmentUnavailable: an engine does not run here.
    """
    run = run if isinstance(run, RunFolder) else open_run(Path(run))
    subject = Subject(run, checkpoint, overrides, episodes)
    chosen, left_out = choose(scenarios, subject.check)
    missing = left_out | awaited(chosen)
    found = Evaluation(run.name, subject.policy.env_steps, {}, {}, missing)
    for scenario in chosen:
        found = found.extended(scenario.name, measure(subject, scenario, on_progress))
        if on_scenario is not None:
            on_scenario(found)
    return found
