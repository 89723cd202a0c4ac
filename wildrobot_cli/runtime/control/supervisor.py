"""The state machine between sensors and servos: lead home, walk, stop, and stay stopped."""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from wildrobot_cli.runtime.bundles.description import Description
from wildrobot_cli.runtime.control.estimator import Estimator, Sensors
from wildrobot_cli.runtime.control.limits import CommandGate, TargetLimits
from wildrobot_cli.runtime.control.plausibility import Plausibility
from wildrobot_cli.runtime.control.watchdogs import Trip, Watchdogs

Policy = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From a raw observation to joint targets [rad] and the action behind them."""


WANTED = ("done", "hand")
"""Causes of a stop that was asked for."""
EMERGENCY = "emergency"
"""Cause of a stop that takes the torque off at once."""


class Mode(StrEnum):
    """What the robot is doing."""

    STARTING = "starting"
    """It is led to its home pose."""
    WALKING = "walking"
    """The policy has it."""
    STOPPING = "stopping"
    """A soft stop damps its joints."""
    STOPPED = "stopped"
    """The servos are without torque, until a reset by hand."""


class Event(NamedTuple):
    """Something that is written into the log."""

    time: float
    """Since the start of the loop [s]."""
    cause: str
    """One word."""
    detail: str
    """What was seen or done."""


class Order(NamedTuple):
    """What a control step comes to."""

    targets: np.ndarray | None
    """Joint targets [rad], shape (n,); None takes the torque off."""
    action: np.ndarray | None
    """The policy's action, where it acted. Shape (n,)."""
    command: np.ndarray
    """The command in force [m/s, m/s, rad/s]. Shape (3,)."""
    mode: Mode
    """What the robot is doing."""


class Supervisor:
    """Decides, once a control period, what the servos are told."""

    def __init__(self, description: Description, policy: Policy) -> None:
        """Begin by leading the robot home."""
        self._description, self._policy = description, policy
        self._watchdogs, self._plausible = Watchdogs(description), Plausibility(description)
        self.events: list[Event] = []
        """Everything that happened, in order."""
        self.trip: Trip | None = None
        """Why the robot was stopped, if it was."""
        self._begin()

    def _begin(self) -> None:
        self.mode = Mode.STARTING
        self._estimator = Estimator(self._description)
        self._limits = TargetLimits(self._description)
        self._gate = CommandGate(self._description)
        self._since: float | None = None
        self._start: np.ndarray | None = None
        self._seen: Sensors | None = None
        self._speeds = np.zeros(len(self._description.joints.names))
        self._last: np.ndarray | None = None
        self._noted: set[str] = set()

    def step(
        self, sensors: Sensors | None, asked: np.ndarray, now: float, lateness: float
    ) -> Order:
        """Take one control step.

        Args:
            sensors: the newest; None when none came.
            asked: the command that was asked for. Shape (3,) [m/s, m/s, rad/s].
            now: time since the start of the loop [s].
            lateness: of this control step [s].
        """
        implausible = None if sensors is None else self._plausible(sensors, self._seen)
        if self.mode in (Mode.STARTING, Mode.WALKING):
            trip = self._watchdogs.check(sensors, implausible, self._last, lateness)
            if trip:
                self.stop(trip, now)
        self._take(sensors, implausible)
        command, action, targets = np.zeros(3), None, None
        if self.mode is Mode.WALKING:
            command = self._command(asked, now)
            targets, action = self._walk(sensors, command, now)
        if self.mode is Mode.STARTING:
            targets = self._lead_home(now)
        if self.mode is Mode.STOPPING:
            targets, action = self._damp(now), None
        if targets is not None and self._seen is not None:
            targets = self._hold(targets, self._seen.encoders, now)
        self._last = targets
        return Order(targets, action, command, self.mode)

    def stop(self, trip: Trip, now: float) -> None:
        """Stop softly: damp the joints, then let go; only a reset ends it.

        Servos that are not under torque yet stay so.
        """
        if self.mode in (Mode.STARTING, Mode.WALKING):
            self.mode, self.trip, self._since = Mode.STOPPING, trip, now
            self.events.append(Event(now, trip.cause, trip.detail))
            if self._last is None:
                self._let_go(now)

    def emergency(self, cause: str, now: float) -> None:
        """Be stopped at once; the loop takes the torque off, whatever this class is doing."""
        self.mode = Mode.STOPPED
        if self.trip is None or self.trip.cause in WANTED:
            self.trip = Trip(EMERGENCY, cause)
        self.events.append(Event(now, EMERGENCY, cause))

    def reset(self, now: float) -> bool:
        """Begin anew after a stop, by hand; return whether the robot was stopped."""
        if self.mode is not Mode.STOPPED:
            return False
        self._watchdogs.reset()
        self.trip = None
        self._begin()
        self.events.append(Event(now, "reset", "by hand"))
        return True

    def _lead_home(self, now: float) -> np.ndarray | None:
        """Go from where the joints are to the home pose, smoothly; then let the policy begin."""
        if self._seen is None:
            return None
        if self._start is None or self._since is None:
            self._start, self._since = self._seen.encoders.astype(np.float32), now
        share = min(1.0, (now - self._since) / self._description.safety.startup_time)
        if share == 1.0:
            self.mode = Mode.WALKING
            self._estimator.start(self._seen)
            forward, left, turn = self._gate.now
            first = f"{forward:+.2f} {left:+.2f} m/s {turn:+.2f} rad/s"
            self.events.append(Event(now, "walking", f"in the home pose, first at {first}"))
        home = self._description.joints.home_target.astype(np.float32)
        return self._start + np.float32(share * share * (3 - 2 * share)) * (home - self._start)

    def _walk(
        self, sensors: Sensors | None, command: np.ndarray, now: float
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Let the policy act; without sensors, or with rubbish from it, keep the last targets."""
        if sensors is None:
            self._estimator.coast()
            return self._last, None
        observation = self._estimator.observe(sensors, command)
        try:
            targets, action = self._policy(observation)
        except Exception as error:  # whatever it is, the robot is stopped softly
            self.stop(Trip("policy", f"the policy fails: {type(error).__name__}: {error}"), now)
            return self._last, None
        if not (np.isfinite(targets).all() and np.isfinite(action).all()):
            self.stop(Trip("policy", "the policy's targets are not numbers"), now)
            return self._last, None
        self._estimator.acted(action)
        return targets, action

    def _damp(self, now: float) -> np.ndarray | None:
        """Brake the joints: a position servo's torque is then minus damping times speed."""
        safety, joints = self._description.safety, self._description.joints
        if self._since is None or self._seen is None or now - self._since >= safety.soft_stop_time:
            self._let_go(now)
            return None
        brake = safety.soft_stop_damping / joints.kp * self._speeds
        return (self._seen.encoders - brake).astype(np.float32)

    def _let_go(self, now: float) -> None:
        self.mode = Mode.STOPPED
        self.events.append(Event(now, "stopped", "the servos are without torque"))

    def _take(self, sensors: Sensors | None, implausible: Trip | None) -> None:
        """Take new readings, joint by joint: one that cannot be keeps what was known of it.

        A joint that was not read again keeps its speed; of one that is not known it is 0. Before
        anything was known, all of a reading must be sound.
        """
        if sensors is None:
            self._speeds = np.zeros_like(self._speeds)
            return
        before, sound = self._seen, self._plausible.joints(sensors, self._seen)
        if before is None:
            self._seen = sensors if implausible is None else None
            return
        angles = np.where(sound, sensors.encoders, before.encoders)
        read_at = np.where(sound, sensors.read_at, before.read_at)
        periods = read_at - before.read_at
        speeds = (angles - before.encoders) / np.maximum(periods, 1)
        speeds = np.where(periods > 0, speeds / self._description.control_period, self._speeds)
        self._speeds = np.where(sound, speeds, 0.0)
        self._seen = sensors._replace(encoders=angles, read_at=read_at)

    def _command(self, asked: np.ndarray, now: float) -> np.ndarray:
        for detail in self._gate.refuses(asked):
            self._note(now, "command", detail)
        return self._gate(asked)

    def _hold(self, wanted: np.ndarray, encoders: np.ndarray, now: float) -> np.ndarray:
        """Hold targets within their limits, and say of each joint and limit when it was first.

        To brake a joint, a soft stop asks for all that the limits give: that is nothing to say.
        """
        targets = self._limits(wanted, self._last, encoders)
        if self.mode is not Mode.STOPPING and (targets != wanted).any():
            for joint, limit in self._limits.held(wanted, self._last, encoders):
                name = self._description.joints.names[joint]
                self._note(now, "clamp", f"a target of joint '{name}' is held within its {limit}")
        return targets

    def _note(self, now: float, cause: str, detail: str) -> None:
        """Log something that goes on, once."""
        if detail not in self._noted:
            self._noted.add(detail)
            self.events.append(Event(now, cause, detail))
