"""Scenarios that policies are measured on: what one is, as frozen typed models, and its loader."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from wildrobot_cli.config.base import Count, Model, NonNegative, Positive, Unit
from wildrobot_cli.config.document import Document
from wildrobot_cli.config.loader import find, packaged, read, validate
from wildrobot_cli.config.resources import config_dir
from wildrobot_cli.errors import ConfigError

ALL = "all"
"""Stands for every packaged scenario."""
_KINDS = ("task", "robot", "ground", "disturbance")


class GateConfig(Model):
    """What a figure must be for the scenario to pass."""

    min: float | None = None
    """Smallest value, in the figure's unit."""
    max: float | None = None
    """Largest value, in the figure's unit."""

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if (self.min is None) == (self.max is None):
            raise ValueError("expected one limit, min or max")
        return self


class WalkConfig(Model):
    """A straight walk of some length, at one speed of the run's own range."""

    distance: Positive
    """Way along the commanded direction that a success takes [m]."""
    pace: Unit
    """Which speed: 0 is the slowest command of the run that is not backward, 1 the fastest."""
    slack: Annotated[float, Field(ge=1)]
    """Time for it, in times of what the commanded speed takes."""


class ScenarioConfig(Model):
    """A file of `configs/scenarios`. A success is an episode without a fall, and with its walk."""

    description: str
    """What it asks, in a sentence."""
    kind: Literal["task", "robot", "ground", "disturbance"]
    """What makes it hard."""
    env: dict[str, Any]
    """What differs from the run's own environment; sections are merged key by key."""
    episodes: Count | None = None
    """Rollouts; as the run's `eval.episodes` says where null."""
    walk: WalkConfig | None = None
    """A length to walk, if there is one; it sets speed and episode length."""
    gates: dict[str, GateConfig]
    """Limits on figures, by the figure's name in the JSON of `eval`, parts after a dot."""
    margins: dict[str, NonNegative]
    """By how much the figures may differ between engines and physics steps, beyond chance."""


@dataclass(frozen=True)
class Scenario:
    """A scenario that was loaded."""

    name: str
    """Its file's name without `.yaml`."""
    settings: ScenarioConfig
    """What it says."""
    document: Document
    """The same, with the lines that say it."""
    packaged: bool
    """Whether it comes with the package, and is not a file of the user's."""

    @property
    def layer(self) -> Document:
        """What it lays over a run's configuration."""
        origins = {key: o for key, o in self.document.origins.items() if key[0] == "env"}
        return Document(self.document.source, {"env": self.document.data["env"]}, origins)


def load_scenarios(names: tuple[str, ...]) -> tuple[Scenario, ...]:
    """Load scenarios by path, or by name among the packaged ones; `all` is all of those.

    Raises:
        ConfigError: a file is missing or wrong, or two of them have one name.
    """
    wanted = [n for name in names for n in (scenario_names() if name == ALL else (name,))]
    found: dict[str, Scenario] = {}
    for scenario in map(_load, dict.fromkeys(wanted)):
        other = found.setdefault(scenario.name, scenario)
        if other.document.source != scenario.document.source:
            sources = f"{other.document.source} and {scenario.document.source}"
            raise ConfigError(f"two scenarios are called '{scenario.name}': {sources}")
    return tuple(found.values())


def scenario_names() -> tuple[str, ...]:
    """Names of the packaged scenarios: `flat` first, then by kind."""

    def place(name: str) -> tuple[bool, int, str]:
        return name != "flat", _KINDS.index(_load(name).settings.kind), name

    return tuple(sorted(packaged(_folder()), key=place))


def _load(name_or_path: str) -> Scenario:
    path, _ = find(name_or_path, _folder(), "scenario")
    document = read(name_or_path, _folder(), "scenario")
    packaged = path.resolve().parent == _folder().resolve()
    return Scenario(path.stem, validate(ScenarioConfig, document), document, packaged)


def _folder() -> Path:
    return config_dir() / "scenarios"
