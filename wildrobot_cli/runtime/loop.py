"""The control loop: read, decide, write, at a fixed rate; and an emergency stop beside it."""

import math
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from wildrobot_cli.errors import EnvironmentUnavailable
from wildrobot_cli.runtime.bundles.description import Description
from wildrobot_cli.runtime.control.estimator import Sensors
from wildrobot_cli.runtime.control.limits import LastCheck
from wildrobot_cli.runtime.control.supervisor import EMERGENCY, Mode, Order, Supervisor
from wildrobot_cli.runtime.control.watchdogs import Trip
from wildrobot_cli.runtime.log import RunLog
from wildrobot_cli.runtime.robots.hardware import Robot

PATIENCE = 2.0
"""How long the first complete reading is waited for [s]."""
HUNG = 0.5
"""Without a control step for so long, servos hold what may be anything: an emergency [s]."""
_boot_time = partial(time.clock_gettime, getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
"""Goes on while the machine sleeps: a robot that was left alone meanwhile must not walk on."""


class Loop:
    """Runs a supervisor against a robot. One thread runs it; any thread may stop it."""

    def __init__(
        self,
        robot: Robot,
        supervisor: Supervisor,
        description: Description,
        log: RunLog,
        clock: Callable[[], float] = _boot_time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the robot, who decides for it, and the limits that hold whatever that one says."""
        self._robot, self._supervisor, self._log = robot, supervisor, log
        self._period, self._clock, self._sleep = description.control_period, clock, sleep
        self._last_check = LastCheck(description)
        self._written: np.ndarray | None = None
        self._start = 0.0
        self._begun: float | None = None
        # Each request is an object of its own. Other threads write the newest; the loop alone
        # writes which it heard, and which a reset ended, so none can be overwritten unseen.
        self._emergency: Trip | None = None
        self._heard: Trip | None = None
        self._ended: Trip | None = None
        self._softly: Trip | None = None
        self._softly_heard: Trip | None = None
        self._reset: tuple[Trip | None] | None = None
        self._reset_heard: tuple[Trip | None] | None = None
        self._quit = False
        self.command = np.zeros(3)
        """What is asked of the policy [m/s, m/s, rad/s]; may be replaced at any time."""

    def emergency(self, cause: str) -> None:
        """Take the torque off now; the loop follows. For any thread, and for signal handlers."""
        self._emergency = Trip(EMERGENCY, cause)
        self._robot.stop()

    def stop(self, cause: str, detail: str) -> None:
        """Ask for a soft stop at the next control step."""
        self._softly = Trip(cause, detail)

    def reset(self) -> None:
        """Ask to begin anew, by hand, after a stop; an emergency not yet heard outlasts it."""
        self._reset = (self._heard,)

    def quit(self) -> None:
        """Ask the loop to end as soon as the robot is stopped."""
        self._quit = True

    def hangs(self) -> bool:
        """Whether the last control step began too long ago; for another thread."""
        begun = self._begun
        return begun is not None and self._clock() - begun > HUNG

    def give_up(self, cause: str) -> None:
        """Write down an emergency that the loop itself, which hangs, does not hear."""
        if self._heard is not self._emergency:
            self._supervisor.emergency(cause, self._clock() - self._start)

    def run(self, seconds: float = math.inf, stay: bool = False) -> None:
        """Run for `seconds` of walking, then stop softly; `stay` waits for a reset after a stop."""
        try:
            self._run(seconds, stay)
        finally:
            self._begun = None
            self._robot.stop()

    def _run(self, seconds: float, stay: bool) -> None:
        start = self._start = self._clock()
        sensors = self._first_reading()
        if sensors is None:
            return
        begin = due = self._clock()  # from here on in step with the robot's own readings
        walked = 0
        while True:
            lateness, self._begun = begin - due, begin
            if lateness > HUNG:
                self.emergency(f"no control step for {lateness:.1f} s")
            if fault := self._robot.alarm():
                self.stop("alarm", fault)
            if lateness > 2 * self._period:  # what was missed is not made up for
                due = begin
            self._hear(begin - start)
            order = self._supervisor.step(sensors, self.command, begin - start, lateness)
            self._obey(order, sensors)
            duration = self._clock() - begin
            self._log.add(begin - start, lateness, duration, sensors, order)
            walked += order.mode is Mode.WALKING
            if order.mode is Mode.WALKING and walked * self._period >= seconds:
                self.stop("done", f"walked for {seconds:g} s")
                self._quit = True
            if order.mode is Mode.STOPPED and (self._quit or not stay):
                return
            due += self._period
            self._sleep(max(0.0, due - self._clock()))
            begin = self._clock()
            sensors = self._robot.read(self._period / 2)

    def _first_reading(self) -> Sensors | None:
        """Wait for two readings, the second fresh at its return; nothing is written before that.

        None when nobody wants it any more.
        """
        complete, until = 0, self._clock() + PATIENCE
        while self._clock() < until:
            if self._quit:
                return None
            sensors = self._robot.read(self._period)
            complete += sensors is not None
            if sensors is not None and complete == 2:
                return sensors
        silent = ", ".join(self._robot.unheard())
        raise EnvironmentUnavailable(
            "the robot does not give all its sensor readings"
            f"{'; never heard: ' if silent else ''}{silent}"
        )

    def _hear(self, now: float) -> None:
        """Take what other threads asked for; of a reset and a stop the stop has the last word."""
        emergency, reset, softly = self._emergency, self._reset, self._softly
        if emergency is not self._heard and emergency is not None:
            self._heard = emergency
            if self._supervisor.mode is not Mode.STOPPED:
                self._supervisor.emergency(emergency.detail, now)
        if reset is not self._reset_heard and reset is not None:
            self._reset_heard = reset
            if reset[0] is emergency and self._supervisor.reset(now):
                self._ended = emergency
        if softly is not self._softly_heard and softly is not None:
            self._softly_heard = softly
            self._supervisor.stop(softly, now)

    def _obey(self, order: Order, sensors: Sensors | None) -> None:
        """Write targets, or take the torque off; an emergency meanwhile has the last word.

        Targets that must not be written are an emergency: what holds them has failed.
        """
        if self._in_emergency or order.mode is Mode.STOPPED:
            self._robot.stop()
        if self._in_emergency or order.targets is None:
            self._written = None
            return
        angles = None if sensors is None else sensors.encoders
        before = angles if self._written is None else self._written
        fault = self._last_check(order.targets, before)
        if fault is not None:
            self.emergency(f"not written: {fault}")
            return
        if self.hangs():  # suspended since it read, say: the robot is no longer where it was
            self.emergency("no control step was finished in time")
            return
        self._robot.write(order.targets)
        self._written = order.targets
        if self._in_emergency:
            self._robot.stop()

    @property
    def _in_emergency(self) -> bool:
        return self._emergency is not self._ended
