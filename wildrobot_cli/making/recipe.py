"""The recipe of the reference motions: what `assets/motion/recipe.yaml` may say."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from wildrobot_cli.config.base import Count, Model, NonNegative, Positive, Unit
from wildrobot_cli.config.document import read_yaml
from wildrobot_cli.config.loader import validate

Curve = Annotated[tuple[float, ...], Field(min_length=5)]
Share = Annotated[float, Field(gt=0, lt=1)]


class Human(Model):
    """How people walk, and how that changes with speed."""

    source: str
    """Attribution, written into every clip."""
    licence: str
    """Licence of the clips."""
    hip: Curve
    """Thigh against the pelvis over a cycle from heel strike, flexion positive [deg]."""
    knee: Curve
    """Flexion positive [deg]."""
    ankle: Curve
    """Dorsiflexion positive [deg]."""
    toe_off: Share
    """Share of the cycle at which the curves' swing begins."""
    leg_length: Positive
    """The robot's, hip pitch axis to floor [m]."""


class Gains(Model):
    """How the follower answers deviations; see `following.Follower`."""

    capture: NonNegative
    """Shift of the centre of pressure for a deviation of the capture point [m/m]."""
    attitude: NonNegative
    """Moment on the body for its tilt and turn [Nm/rad]."""
    attitude_rate: NonNegative
    """Moment on the body for its rates [Nm s/rad]."""
    moment: Positive
    """How dear moments are beside forces where the load divides over two feet [1/m]."""
    sole: tuple[Positive, Positive]
    """How far the centre of pressure may move on a sole, sideways and forward [m]."""


class Style(Model):
    """How a walk looks."""

    speed: Positive
    """Forward speed that the style is for [m/s]."""
    period: Positive
    """Duration of a stride [s]; a walk takes the nearest that its control steps allow."""
    duty: Share
    """Planned share of a stride that each foot bears; physics makes it a little more."""
    width: Positive
    """Sideways distance of the soles' centres [m]."""
    clearance: Positive
    """Height of the sole at the top of its swing [m]."""
    top: Share
    """Share of the swing at which it is highest."""
    haste: Unit
    """0: a foot swings by a cubic, with the least speed; 1: by minimum jerk."""
    pitch: float
    """Share of the human foot's pitch in swing."""
    roll: NonNegative
    """How far the centre of pressure moves forward under a foot that bears alone [m]."""
    pressure: tuple[float, float]
    """Where it is half-way, forward and inward of the sole's centre [m]."""
    knee: NonNegative
    """Least knee flexion [rad]."""
    rise: NonNegative
    """Rise of the root over the bearing leg, as a share of a stiff leg's arc."""
    waist_yaw: float
    """Amplitude of the chest's counter-rotation for a step of one leg length [rad]."""


class Walk(Model):
    """One walk: what it is to show, and what of its style differs from its speed's."""

    speed: Positive
    """Forward speed [m/s]."""
    held_out: bool = False
    """Whether its clips are kept from training."""
    ends: bool = False
    """Whether its start and its stop become clips as well."""
    style: dict[str, float | tuple[float, float]] = {}
    """Fields of `Style` with values of their own."""


class Recipe(Model):
    """All that the library is made from."""

    robot: str
    """Robot YAML: the name of a packaged one, or a path."""
    control_period: Positive
    """Time between two servo targets [s]."""
    substeps: Count
    """Physics steps in a control period."""
    knees: tuple[str, str]
    """The knee joints, left and right."""
    human: Human
    """Human walking."""
    gains: Gains
    """Feedback."""
    ramp: tuple[Positive, ...]
    """First steps, as shares of the full one; the last ones mirror them."""
    strides: Count
    """Full strides between them."""
    kept: Count
    """How many of these make the loop."""
    pause: Positive
    """Standing before and after [s]."""
    low: NonNegative
    """How far below the standing height the planning starts [m]."""
    stand: Positive
    """Duration of the standing clip [s]."""
    styles: Annotated[tuple[Style, ...], Field(min_length=1)]
    """Styles by rising speed; between two of them a walk's style is in between."""
    walks: dict[str, Walk]
    """Walks by name."""


def style_of(recipe: Recipe, name: str) -> Style:
    """Return a walk's style: interpolated by its speed, then with its own values.

    Raises:
        ConfigError: the walk sets a field that styles do not have, or to an unfit value.
    """
    walk, known = recipe.walks[name], [style.speed for style in recipe.styles]
    rows = [style.model_dump() for style in recipe.styles]
    mixed: dict[str, Any] = {}
    for field in rows[0]:
        values = np.array([row[field] for row in rows])
        columns = np.atleast_2d(values.T)
        found = [float(np.interp(walk.speed, known, column)) for column in columns]
        mixed[field] = tuple(found) if values.ndim == 2 else found[0]
    return validate(Style, {**mixed, **walk.style}, f"recipe: walks.{name}.style")


def load_recipe(path: Path) -> Recipe:
    """Load a recipe.

    Raises:
        ConfigError: naming the file, the key path, what was expected and what was found.
    """
    return validate(Recipe, read_yaml(path))
