"""The same start states and commands, measured twice: run against run, engine against engine."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from wildrobot_cli.config.loader import load
from wildrobot_cli.config.scenario import Scenario
from wildrobot_cli.config.schema import Config
from wildrobot_cli.errors import ConfigError
from wildrobot_cli.evaluation.differences import Difference, beyond, differences
from wildrobot_cli.evaluation.measuring import Progress, Subject, measure
from wildrobot_cli.evaluation.suite import NOT_MEASURED, Missing, awaited, choose, without
from wildrobot_cli.training.checkpoint_list import checkpoint_of_other
from wildrobot_cli.training.run_folder import RunFolder, open_run

Figures = dict[str, Any]


@dataclass(frozen=True)
class Comparison:
    """What a comparison found; the first of what is compared is what the others are held to."""

    names: tuple[str, ...]
    """What is compared."""
    env_steps: tuple[int, ...]
    """Control steps of training behind the policy of each."""
    figures: dict[str, dict[str, Figures]]
    """As in `Evaluation.scenarios`: by name, by scenario."""
    differences: dict[str, dict[str, dict[str, Difference]]]
    """By name, by scenario, by figure; `flagged` where a margin is passed beyond chance."""
    strict: bool
    """Whether a flagged difference is a failure."""
    missing: Missing = field(default_factory=dict)
    """Scenarios that were asked for and have no figures, and why."""

    @property
    def complete(self) -> bool:
        """Whether no scenario is still to be measured."""
        return NOT_MEASURED not in self.missing.values()

    @property
    def passed(self) -> bool:
        """Whether it is complete, the first's gates held and, where strict, nothing is flagged."""
        held = all(figures["passed"] for figures in self.figures[self.names[0]].values())
        return self.complete and held and not (self.strict and self.flagged())

    def extended(
        self, scenario: str, figures: dict[str, Figures], found: dict[str, dict[str, Difference]]
    ) -> Self:
        """Return the same with one more scenario; its figures and differences are by name."""
        return replace(
            self,
            figures={
                name: {**done, scenario: figures[name]} for name, done in self.figures.items()
            },
            differences={
                name: {**done, scenario: found[name]} for name, done in self.differences.items()
            },
            missing=without(self.missing, scenario),
        )

    def flagged(self) -> list[tuple[str, str, str]]:
        """Name, scenario and figure of the differences beyond their margins."""
        return [
            (name, scenario, figure)
            for name, scenarios in self.differences.items()
            for scenario, found in scenarios.items()
            for figure, difference in found.items()
            if difference["flagged"]
        ]


OnScenario = Callable[[Comparison], None]
"""Told after each scenario all that is measured."""


def compare_runs(
    run: RunFolder | Path | str,
    other: RunFolder | Path | str,
    scenarios: tuple[str, ...] = ("flat",),
    episodes: int | None = None,
    overrides: tuple[str, ...] = (),
    checkpoint: str | None = None,
    on_progress: Progress | None = None,
    on_scenario: OnScenario | None = None,
) -> Comparison:
    """Measure two runs side by side, under the commands of the first; see `evaluate`.

    `checkpoint` is of the first run; see `checkpoint_of_other`.

    Raises:
        ConfigError: it is one run, or as `evaluate`.
    """
    first, second = (r if isinstance(r, RunFolder) else open_run(Path(r)) for r in (run, other))
    names = (first.name, second.name)
    if first.path.resolve() == second.path.resolve():
        raise ConfigError(f"--against {second.path}: expected another run, this is the same one")
    if names[0] == names[1]:
        names = (str(first.path), str(second.path))
    subjects = (
        Subject(first, checkpoint, overrides, episodes),
        Subject(second, checkpoint_of_other(checkpoint), overrides, episodes),
    )
    by_name = dict(zip(names, subjects, strict=True))
    return _compare(by_name, scenarios, False, on_progress, on_scenario)


def sim_to_sim(
    run: RunFolder | Path | str,
    scenarios: tuple[str, ...] = ("flat",),
    episodes: int | None = None,
    overrides: tuple[str, ...] = (),
    checkpoint: str | None = None,
    on_progress: Progress | None = None,
    on_scenario: OnScenario | None = None,
) -> Comparison:
    """Measure a policy on both engines and at half the physics step; see `evaluate`.

    The reference is MuJoCo C at the run's own step.
    """
    folder = run if isinstance(run, RunFolder) else open_run(Path(run))
    substeps = load(Config, folder.config_file, overrides).env.substeps
    subjects = {
        name: Subject(folder, checkpoint, (*overrides, *changes), episodes)
        for name, changes in simulations(substeps).items()
    }
    return _compare(subjects, scenarios, True, on_progress, on_scenario)


def simulations(substeps: int) -> dict[str, tuple[str, ...]]:
    """Overrides by the name of the simulation that they make, the reference first."""
    return {
        "mujoco": ("env.engine=mujoco",),
        "mjx": ("env.engine=mjx",),
        "half_step": ("env.engine=mujoco", f"env.substeps={2 * substeps}"),
    }


def _compare(
    subjects: dict[str, Subject],
    names: tuple[str, ...],
    strict: bool,
    on_progress: Progress | None,
    on_scenario: OnScenario | None,
) -> Comparison:
    reference, *others = subjects

    def check(scenario: Scenario) -> None:
        subjects[reference].check(scenario)
        task = _task(subjects[reference], scenario)
        for name in others:
            subjects[name].check(scenario, task)

    chosen, left_out = choose(names, check)
    missing = left_out | awaited(chosen)
    steps = tuple(subject.policy.env_steps for subject in subjects.values())
    nothing: dict[str, dict[str, Any]] = {name: {} for name in subjects}
    differing: dict[str, dict[str, Any]] = {name: {} for name in others}
    found = Comparison(tuple(subjects), steps, nothing, differing, strict, missing)
    for scenario in chosen:
        found = found.extended(scenario.name, *_compared(subjects, scenario, on_progress))
        if on_scenario is not None:
            on_scenario(found)
    return found


def _compared(
    subjects: dict[str, Subject], scenario: Scenario, on_progress: Progress | None
) -> tuple[dict[str, Figures], dict[str, dict[str, Difference]]]:
    """Measure all on one scenario; return the figures and the differences by name."""
    reference, *others = subjects
    task = _task(subjects[reference], scenario)
    first = measure(subjects[reference], scenario, _named(reference, on_progress))
    figures, found = {reference: first.figures}, {}
    for name in others:
        second = measure(subjects[name], scenario, _named(name, on_progress), task)
        figures[name] = second.figures
        found[name] = _flagged(differences(first, second), scenario)
    return figures, found


def _task(subject: Subject, scenario: Scenario) -> tuple[str, ...]:
    """Overrides that ask of another subject what a scenario asks of this one, seed included."""
    config = subject.config(scenario)
    sections = {"commands": config.env.commands, "resets": config.env.resets}
    return (
        *(f"env.{name}={json.dumps(s.model_dump(mode='json'))}" for name, s in sections.items()),
        f"env.episode_length={config.env.episode_length}",
        f"eval.episodes={config.eval.episodes}",
        f"seed={config.seed}",
    )


def _flagged(found: dict[str, Difference], scenario: Scenario) -> dict[str, Difference]:
    """Mark the differences that lie beyond the scenario's margins; the others have none."""
    margins = scenario.settings.margins
    return {
        name: {**difference, "flagged": name in margins and beyond(difference, margins[name])}
        for name, difference in found.items()
    }


def _named(name: str, on_progress: Progress | None) -> Progress | None:
    if on_progress is None:
        return None
    return lambda scenario, share: on_progress(f"{scenario}, {name}", share)
