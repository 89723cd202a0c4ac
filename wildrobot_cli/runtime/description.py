"""What `policy.json` says: everything that a robot must know to run a policy.

Read strictly: a missing key, a value of another kind, or numbers that contradict each other are
errors that name the key. Needs numpy alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wildrobot_cli.errors import ConfigError, suggest
from wildrobot_cli.runtime.clock import Clock
from wildrobot_cli.runtime.observations import TERMS, term_sizes
from wildrobot_cli.runtime.section import Section, Vector

SCHEMA_VERSION = 1
"""Of `policy.json`; a bundle of another version is refused."""


@dataclass(frozen=True, eq=False)
class Joints:
    """The actuated joints, n of them, in the order of actions."""

    names: tuple[str, ...]
    """Their names."""
    home_position: Vector
    """Angles of the home pose. Shape (n,) [rad]."""
    home_target: Vector
    """Targets that hold the home pose. Shape (n,) [rad]."""
    lower: Vector
    """Lowest angles. Shape (n,) [rad]."""
    upper: Vector
    """Highest angles. Shape (n,) [rad]."""
    kp: Vector
    """Position gains of the servos. Shape (n,) [Nm/rad]."""
    torque_limit: Vector
    """Largest torques of the motors. Shape (n,) [Nm]."""
    damping: Vector
    """Dampings of the joints, taken off the motor's torque. Shape (n,) [Nm s/rad]."""


@dataclass(frozen=True)
class TermSlice:
    """One term's place in the observation."""

    name: str
    """Name of the term; see `runtime.observations`."""
    start: int
    """First place."""
    stop: int
    """One beyond the last place."""
    scale: float
    """Factor on the term's values."""


@dataclass(frozen=True)
class Model:
    """An ONNX file of the bundle and what it takes and gives."""

    file: str
    """File name."""
    opset: int
    """Version of the ONNX operators."""


@dataclass(frozen=True)
class Safety:
    """What the runtime holds every policy to."""

    tilt_limit: float
    """Lean of the IMU at which the robot is stopped [rad]."""
    target_rate: float
    """Fastest change of a joint target [rad/s]."""
    torque_reach: float
    """A target's distance from the joint, in distances at which the motor's torque is used up."""
    torque_share: float
    """Share of the torque limit that a joint may take for `torque_time`."""
    torque_time: float
    """How long [s]."""
    missed_readings: int
    """Control periods without a reading of the sensors that stop the robot."""
    stale_joint: int
    """Age of a joint's reading that stops the robot, in control periods."""
    frozen_imu: int
    """Control periods in which the IMU repeats itself that stop the robot."""
    missed_deadline: float
    """Lateness of a control step that stops the robot [s]."""
    startup_time: float
    """Time in which the robot is led to its home pose [s]."""
    soft_stop_time: float
    """Time for which a soft stop damps the joints before it lets go [s]."""
    soft_stop_damping: float
    """Damping of a soft stop [Nm s/rad]."""


@dataclass(frozen=True, eq=False)
class Commands:
    """What the policy was trained to follow: forward, leftward [m/s], turning [rad/s]."""

    lowest: Vector
    """Shape (3,)."""
    highest: Vector
    """Shape (3,)."""
    ramp: Vector
    """Fastest change of a command [m/s^2, m/s^2, rad/s^2]. Shape (3,)."""


@dataclass(frozen=True, eq=False)
class Description:
    """A whole `policy.json`."""

    name: str
    """Name of the run that the policy comes from."""
    robot: str
    """Name of the robot."""
    control_period: float
    """Time between two targets [s]."""
    clock: Clock
    """The phase clock."""
    action_scale: float
    """Joint angle around the home targets for an action of 1 [rad]."""
    encoder_resolution: float
    """Step of the joint angle reading [rad]."""
    no_load_speed: float
    """Fastest that a servo turns [rad/s]."""
    heading_joint: int | None
    """Index of the yaw joint between root and IMU, if there is one."""
    joints: Joints
    """The joints."""
    observation: tuple[TermSlice, ...]
    """The policy's observation."""
    commands: Commands
    """Velocity commands."""
    safety: Safety
    """Limits of the safety layer."""
    model: Model
    """The policy."""
    quantized: Model | None
    """The policy with weights of 8 bits, if there is one."""
    document: Mapping[str, Any] = field(repr=False)
    """The file's whole content."""

    @property
    def observation_size(self) -> int:
        """How many numbers the policy sees."""
        return self.observation[-1].stop

    @property
    def scales(self) -> dict[str, float]:
        """Each term's factor, in order."""
        return {term.name: term.scale for term in self.observation}


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
    terms = _observation(top, len(joints.names))
    return Description(
        name=top.text("name"),
        robot=top.section("robot").text("name"),
        control_period=top.positive("control_period"),
        clock=_clock(top.section("clock")),
        action_scale=top.positive("action_scale"),
        encoder_resolution=top.number("encoder_resolution"),
        no_load_speed=top.positive("no_load_speed"),
        heading_joint=_heading_joint(top, joints.names),
        joints=joints,
        observation=terms,
        commands=_commands(top.section("commands")),
        safety=_safety(top.section("safety")),
        model=_model(top.section("model")),
        quantized=None if top.get("quantized") is None else _model(top.section("quantized")),
        document=top.data,
    )


def _joints(section: Section) -> Joints:
    names = section.get("names")
    unique = isinstance(names, list) and names and len(set(map(str, names))) == len(names)
    if not (unique and all(isinstance(name, str) for name in names)):
        section.fail("names", "a list of different names", names)
    fields = [name for name in Joints.__dataclass_fields__ if name != "names"]
    joints = Joints(tuple(names), **{name: section.vector(name, len(names)) for name in fields})
    for index, name in enumerate(names):
        low, high, home = joints.lower[index], joints.upper[index], joints.home_target[index]
        if not low <= home <= high:
            section.fail("home_target", f"{low} .. {high} for joint '{name}'", home)
    return joints


def _observation(top: Section, joints: int) -> tuple[TermSlice, ...]:
    entries = top.get("observation")
    if not isinstance(entries, list) or not entries:
        top.fail("observation", "a list of terms", entries)
    terms, place = [], 0
    for index, entry in enumerate(entries):
        section = Section(entry, f"observation[{index}]")
        name = section.text("name")
        if name not in TERMS:
            raise ConfigError(
                f"policy.json: {section.path}: no term '{name}'{suggest(name, TERMS)}"
            )
        stop = place + term_sizes([name], joints)[name]
        if section.get("slice") != [place, stop]:
            section.fail("slice", f"[{place}, {stop}]", section.get("slice"))
        terms.append(TermSlice(name, place, stop, section.number("scale")))
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
    if (frequencies <= 0).any():
        section.fail("frequencies", "numbers above 0", frequencies.tolist())
    return Clock(tuple(places.tolist()), tuple(frequencies.tolist()))


def _commands(section: Section) -> Commands:
    commands = Commands(*(section.vector(name, 3) for name in ("lowest", "highest", "ramp")))
    if (commands.lowest > commands.highest).any():
        section.fail("lowest", "nothing above highest", section.get("lowest"))
    return commands


def _safety(section: Section) -> Safety:
    whole = {"missed_readings", "stale_joint", "frozen_imu"}
    names = Safety.__dataclass_fields__
    values = {n: section.whole(n) if n in whole else section.positive(n) for n in names}
    return Safety(**values)  # type: ignore[arg-type]


def _model(section: Section) -> Model:
    file = section.text("file")
    if "/" in file or "\\" in file or file.startswith("."):
        section.fail("file", "a plain file name", file)
    return Model(file, section.whole("opset"))
