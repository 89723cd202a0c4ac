"""Reading `policy.json` strictly.

A missing key, a value of another kind or out of all bounds, or numbers that contradict each other
are errors that name the key. Needs numpy alone.
"""

from typing import Any

import numpy as np

from wildrobot_cli.errors import ConfigError, suggest
from wildrobot_cli.runtime.bundles.description import (
    SCHEMA_VERSION,
    Commands,
    Description,
    Joints,
    Model,
    Safety,
    TermSlice,
)
from wildrobot_cli.runtime.bundles.section import Section
from wildrobot_cli.runtime.observing.clock import Clock
from wildrobot_cli.runtime.observing.observations import TERMS, term_sizes


def parse(document: Any) -> Description:
    """Turn the content of a `policy.json` into a description.

    Raises:
        ConfigError: naming the key, what was expected and what was found.
    """
    top = Section(document, "")
    version = top.whole("schema_version")
    if version != SCHEMA_VERSION:
        raise ConfigError(
            f"policy.json: schema_version: expected {SCHEMA_VERSION}, got {version}; "
            "export the run again with this version of wildrobot"
        )
    joints = _joints(top.section("joints"))
    top.section("training").whole("env_steps")
    terms = _observation(top, len(joints.names))
    return Description(
        name=top.text("name"),
        robot=top.section("robot").text("name"),
        control_period=top.number("control_period"),
        clock=_clock(top.section("clock")),
        action_scale=top.number("action_scale"),
        encoder_resolution=top.number("encoder_resolution"),
        no_load_speed=top.number("no_load_speed"),
        heading_joint=_heading_joint(top, joints.names),
        joints=joints,
        observation=terms,
        commands=_commands(top.section("commands")),
        safety=_safety(top.section("safety"), top.number("control_period")),
        model=_model(top.section("model")),
        quantized=None if top.get("quantized") is None else _model(top.section("quantized")),
        document=top.data,
    )


def _joints(section: Section) -> Joints:
    names = section.get("names")
    unique = isinstance(names, list) and names and len(set(map(str, names))) == len(names)
    if not (unique and all(isinstance(name, str) and name.isprintable() for name in names)):
        section.fail("names", "a list of different names", names)
    fields = [name for name in Joints.__dataclass_fields__ if name != "names"]
    joints = Joints(tuple(names), **{name: section.vector(name, len(names)) for name in fields})
    for index, name in enumerate(names):
        low, high, home = joints.lower[index], joints.upper[index], joints.home_target[index]
        if not low < high:
            section.fail("lower", f"less than upper, {high}, for joint '{name}'", low)
        if not low <= home <= high:
            section.fail("home_target", f"{low} .. {high} for joint '{name}'", home)
    return joints


def _observation(top: Section, joints: int) -> tuple[TermSlice, ...]:
    entries = top.get("observation")
    if not isinstance(entries, list) or not entries:
        top.fail("observation", "a list of terms", entries)
    terms: list[TermSlice] = []
    place = 0
    for index, entry in enumerate(entries):
        section = Section(entry, f"observation[{index}]")
        name = section.text("name")
        if name not in TERMS:
            raise ConfigError(
                f"policy.json: {section.path}: no term '{name}'{suggest(name, TERMS)}"
            )
        if any(name == term.name for term in terms):
            raise ConfigError(f"policy.json: {section.path}: term '{name}' stands twice")
        history = section.whole("history")
        stop = place + term_sizes([name], joints)[name] * (1 + history)
        if section.get("slice") != [place, stop]:
            section.fail("slice", f"[{place}, {stop}]", section.get("slice"))
        terms.append(TermSlice(name, place, stop, section.number("scale"), history))
        place = stop
    return tuple(terms)


def _heading_joint(top: Section, names: tuple[str, ...]) -> int | None:
    name = top.get("heading_joint")
    if name is None:
        return None
    if name not in names:
        raise ConfigError(f"policy.json: heading_joint: no joint '{name}'{suggest(name, names)}")
    return names.index(name)


def _clock(section: Section) -> Clock:
    speeds = section.get("speeds")
    count = len(speeds) if isinstance(speeds, list) else 0
    places, frequencies = section.vector("speeds", count), section.vector("frequencies", count)
    if count == 0 or (np.diff(places) <= 0).any():
        section.fail("speeds", "a list of growing speeds", speeds)
    return Clock(tuple(places.tolist()), tuple(frequencies.tolist()))


def _commands(section: Section) -> Commands:
    commands = Commands(*(section.vector(name, 3) for name in ("lowest", "highest", "ramp")))
    if (commands.lowest > commands.highest).any():
        section.fail("lowest", "nothing above highest", section.get("lowest"))
    return commands


def _safety(section: Section, period: float) -> Safety:
    whole = {"missed_readings", "stale_joint", "frozen_imu"}
    names = Safety.__dataclass_fields__
    values = {n: section.whole(n) if n in whole else section.number(n) for n in names}
    safety = Safety(**values)  # type: ignore[arg-type]
    least = safety.angle_margin / period  # the way back into its range is one step of a target
    if safety.target_rate < least:
        section.fail("target_rate", f"{least:g} or more: angle_margin a period", safety.target_rate)
    return safety


def _model(section: Section) -> Model:
    file = section.text("file")
    if "/" in file or "\\" in file or file.startswith("."):
        section.fail("file", "a plain file name", file)
    return Model(file, section.whole("opset"))
