"""Which scenarios are to be measured, all of them checked before the first one is."""

from collections.abc import Callable

from wildrobot_cli.config.scenario import ALL, Scenario, load_scenarios
from wildrobot_cli.evaluation.measuring import CannotWalk

NOT_MEASURED = "not measured"
"""What is said of a scenario that is still to come."""

Missing = dict[str, str]
"""Scenarios that have no figures, and why."""


def choose(
    names: tuple[str, ...], check: Callable[[Scenario], None]
) -> tuple[tuple[Scenario, ...], Missing]:
    """Return the scenarios to be measured, and those of `all` that this run cannot be asked.

    Args:
        names: YAML files, or names of packaged scenarios; `all` is all of those.
        check: raises where a scenario cannot be measured.

    Raises:
        ConfigError: an unknown scenario, or one that does not fit.
        EnvironmentUnavailable: an engine does not run here.
    """
    asked = {s.name for s in load_scenarios(tuple(name for name in names if name != ALL))}
    chosen: list[Scenario] = []
    missing: Missing = {}
    for scenario in load_scenarios(names):
        try:
            check(scenario)
        except CannotWalk as error:
            if scenario.name in asked:
                raise
            missing[scenario.name] = f"left out: {error.reason}"
        else:
            chosen.append(scenario)
    return tuple(chosen), missing


def awaited(scenarios: tuple[Scenario, ...]) -> Missing:
    """Say of scenarios that none has been measured yet."""
    return dict.fromkeys((scenario.name for scenario in scenarios), NOT_MEASURED)


def without(missing: Missing, name: str) -> Missing:
    """Say that one scenario was measured."""
    return {other: why for other, why in missing.items() if other != name}
