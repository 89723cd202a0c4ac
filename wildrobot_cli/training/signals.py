"""Ctrl-C, SIGTERM or a closed terminal as a request to finish the iteration, save and stop."""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

from wildrobot_cli.errors import WildRobotError
from wildrobot_cli.runtime.ending import SETTLE

log = logging.getLogger(__name__)

_SHOW_CURSOR = "\x1b[?25h"


class Interrupted(WildRobotError):
    """A training was asked to stop, and has saved itself."""

    def __init__(self, message: str, signal_number: int) -> None:
        """Carry the shell's exit code for the signal."""
        super().__init__(message)
        self.exit_code = 128 + signal_number


@dataclass
class StopRequest:
    """Whether a signal has asked to stop."""

    signal_number: int | None = None
    """The signal; None as long as there was none."""


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Note the first Ctrl-C, SIGTERM or SIGHUP instead of dying of it; a second ends the process.

    Python runs signal handlers between two of its own instructions, and an iteration is one call
    into compiled code. So a thread listens as well: it answers at once.

    SIGHUP is never the second, nor is what follows it at once: a session that is ended sends both
    it and SIGTERM. A signal that the process was started to ignore (a background job's Ctrl-C,
    SIGHUP by nohup) stays ignored.
    Outside of the main thread, where Python delivers no signals, nothing is changed.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def note(number: int, _frame: FrameType | None) -> None:
        request.signal_number = request.signal_number or number

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    caught = [n for n in numbers if signal.getsignal(n) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, note) for number in caught}
    ear, mouth = os.pipe()
    os.set_blocking(mouth, False)
    previous_fd = signal.set_wakeup_fd(mouth, warn_on_full_buffer=False)
    listener = threading.Thread(target=_listen, args=(ear, set(caught)), daemon=True)
    listener.start()
    try:
        yield request
    finally:
        signal.set_wakeup_fd(previous_fd)
        for number, handler in previous.items():
            signal.signal(number, handler)
        os.close(mouth)
        listener.join()
        os.close(ear)


def _listen(ear: int, caught: set[int]) -> None:
    """Read the numbers of signals as they come; say what the first does, obey the second."""
    heard, settled = False, 0.0
    while number := os.read(ear, 1):
        hung_up = number[0] == signal.SIGHUP
        if number[0] not in caught or (heard and (hung_up or time.monotonic() < settled)):
            continue
        if heard:
            _exit_now(128 + number[0])
        heard, settled = True, time.monotonic() + SETTLE * hung_up
        log.warning("stopping after this iteration; once more to stop at once")


def _exit_now(code: int) -> None:
    """End the process whatever it does. A checkpoint counts only once it is whole."""
    with suppress(OSError):  # the terminal is gone
        if sys.stdout is not None and sys.stdout.isatty():
            os.write(sys.stdout.fileno(), _SHOW_CURSOR.encode())
    os._exit(code)
