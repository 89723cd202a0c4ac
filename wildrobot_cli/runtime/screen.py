"""What a run shows: events as they come and, on a terminal, a line on where the robot stands."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass

from wildrobot_cli.runtime.control.supervisor import Event, Mode
from wildrobot_cli.runtime.control.watchdogs import Trip
from wildrobot_cli.runtime.log import RunLog

WIDTH = 79
"""Columns of the status line; on a narrower terminal it is cut to that."""


@dataclass(frozen=True)
class Display:
    """What a run shows."""

    status: Callable[[str], None]
    """A line that takes the place of the one before."""
    event: Callable[[Event], None]
    """Something that happened."""
    end: Callable[[], None] = lambda: None
    """The run is over: what is printed next begins a line of its own."""


def plain_display() -> Display:
    """A status line on a terminal, events alone in a pipe."""
    live = sys.stdout is not None and sys.stdout.isatty()

    def status(line: str) -> None:
        if live:
            width = shutil.get_terminal_size((WIDTH + 1, 0)).columns - 1
            print(f"\r{line[:width]}\x1b[K", end="", flush=True)

    def event(happened: Event) -> None:
        before = "\r" if live else ""
        line = f"{happened.time:8.2f} s  {happened.cause}: {happened.detail}"
        print(f"{before}{line}", end="\x1b[K\n" if live else "\n", flush=True)

    def end() -> None:
        if live:
            print(flush=True)

    return Display(status, event, end)


class Screen:
    """Shows what it can: a screen that is gone must not stop a robot."""

    def __init__(self, display: Display) -> None:
        """Take what it shows things on."""
        self._display: Display | None = display
        self._shown = 0

    def show(self, events: list[Event], status: str) -> None:
        """Show what happened that was not shown yet, and where the robot stands."""
        new = events[self._shown :]
        self._shown += len(new)
        self._try(lambda display: _show(display, new, status))

    def close(self) -> None:
        """Leave the status line."""
        self._try(lambda display: display.end())

    def _try(self, act: Callable[[Display], None]) -> None:
        if self._display is None:
            return
        try:
            act(self._display)
        except OSError:
            self._display = None


def _show(display: Display, events: list[Event], status: str) -> None:
    for event in events:
        display.event(event)
    display.status(status)


def status_line(log: RunLog, trip: Trip | None) -> str:
    """One line on where the robot stands, and why it was stopped; no wider than `WIDTH`."""
    if log.last is None:
        return "waiting for the robot"
    now, lateness, duration, _, order = log.last
    if order.mode is Mode.STOPPED and trip is not None:
        return f"{now:6.1f} s {order.mode}: {trip.cause}   r: reset   q: quit"[:WIDTH]
    forward, left, turn = order.command
    line = (
        f"{now:6.1f} s {order.mode:<8} command {forward:+.2f} {left:+.2f} m/s {turn:+.2f} rad/s  "
        f"step {1000 * duration:4.1f} late {1000 * lateness:4.1f} ms"
    )
    return line[:WIDTH]
