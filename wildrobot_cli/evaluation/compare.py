"""The same start states and commands, measured twice: run against run, engine against engine."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wildrobot_cli.config.loader import load
from wildrobot_cli.config.scenario import Scenario, load_scenarios
from wildrobot_cli.config.schema import Config
from wildrobot_cli.errors import ConfigError
from wildrobot_cli.evaluation.differences import Difference, beyond, differences
from wildrobot_cli.evaluation.gates import check_figures
from wildrobot_cli.evaluation.measuring import Progress, Subject, measure
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

    @property
    def passed(self) -> bool:
        """Whether the first one's gates held and, where strict, no difference is flagged."""
        held = all(figures["passed"] for figures in self.figures[self.names[0]].values())
        return held and not (self.strict and self.flagged())

    def flagged(self) -> list[tuple[str, str, str]]:
        """Name, scenario and figure of the differences beyond their margins."""
        return [
            (name, scenario, figure)
            for name, scenarios in self.differences.items()
            for scenario, found in scenarios.items()
            for figure, difference in found.items()
            if difference["flagged"]
        ]


def compare_runs(
    run: RunFolder | Path | str,
    other: RunFolder | Path | str,
    scenarios: tuple[str, ...] = ("flat",),
    episodes: int | None = None,
    overrides: tuple[str, ...] = (),
    checkpoint: str | None = None,
    on_progress: Progress | None = None,
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
    return _compare(dict(zip(names, subjects, strict=True)), scenarios, False, on_progress)


def sim_to_sim(
    run: RunFolder | Path | str,
    scenarios: tuple[str, ...] = ("flat",),
    episodes: int | None = None,
    overrides: tuple[str, ...] = (),
    checkpoint: str | None = None,
    on_progress: Progress | None = None,
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
    return _compare(subjects, scenarios, True, on_progress)


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
) -> Comparison:
    scenarios = load_scenarios(names)
    for scenario in scenarios:
        for subject in subjects.values():
            config = subject.config(scenario)
            check_figures(scenario, config.env.reference is not None)
    reference, *others = subjects
    figures: dict[str, dict[str, Figures]] = {name: {} for name in subjects}
    found: dict[str, dict[str, dict[str, Difference]]] = {name: {} for name in others}
    for scenario in scenarios:
        task = _task(subjects[reference], scenario)
        first = measure(subjects[reference], scenario, _named(reference, on_progress))
        figures[reference][scenario.name] = first.figures
        for name in others:
            second = measure(subjects[name], scenario, _named(name, on_progress), task)
            figures[name][scenario.name] = second.figures
            found[name][scenario.name] = _flagged(differences(first, second), scenario)
    steps = tuple(subject.policy.env_steps for subject in subjects.values())
    return Comparison(tuple(subjects), steps, figures, found, strict)


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
