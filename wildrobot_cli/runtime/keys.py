"""Keys on the terminal, heard by a thread of its own: a held screen delays no stop."""

import contextlib
import os
import select
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from wildrobot_cli.runtime.chore import REFRESH
from wildrobot_cli.runtime.loop import Loop

HELP = "s: soft stop   r: reset after it   q: stop and quit   any other key: emergency stop"
END_OF_INPUT = "\x04"
"""Ctrl-D, where keys come one by one."""


def on_terminal() -> bool:
    """Whether somebody can press keys."""
    return sys.stdin is not None and sys.stdin.isatty()


@contextmanager
def keys(loop: Loop) -> Iterator[None]:
    """Within the block do what is typed; see `HELP`."""
    if not on_terminal():
        yield
        return
    ended, terminal = threading.Event(), sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    _one_by_one(terminal)
    thread = threading.Thread(target=_listen, args=(loop, ended), name="keys", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(2 * REFRESH)
        if _in_foreground(terminal):
            with contextlib.suppress(termios.error):  # the terminal is gone
                termios.tcsetattr(terminal, termios.TCSANOW, before)


def _in_foreground(terminal: int) -> bool:
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:  # it is no shell's terminal
        return True


def _one_by_one(terminal: int) -> None:
    """Have keys come as they are pressed, not with Enter; in the background nothing changes."""
    settings = termios.tcgetattr(terminal)
    if settings[3] & termios.ICANON and _in_foreground(terminal):
        settings[3] &= ~termios.ICANON
        termios.tcsetattr(terminal, termios.TCSANOW, settings)


def _listen(loop: Loop, ended: threading.Event) -> None:
    """Obey keys until the run has ended. It never prints or writes: that could keep it waiting."""
    terminal = sys.stdin.fileno()
    while not ended.is_set():
        with contextlib.suppress(termios.error):  # the terminal is gone: reading it tells
            _one_by_one(terminal)  # a shell that brings us to the foreground may have changed it
        if not select.select([terminal], [], [], REFRESH)[0]:
            continue
        try:
            typed = os.read(terminal, 1024)
        except OSError:
            if not _in_foreground(terminal):  # what was typed is for somebody else
                time.sleep(REFRESH)
                continue
            typed = b""
        if not typed:  # the terminal is gone, or Ctrl-D: nobody is waited for any more
            loop.quit()
            time.sleep(REFRESH)
        for key in typed.decode(errors="replace"):
            _obey(loop, key)


def _obey(loop: Loop, key: str) -> None:
    if key == END_OF_INPUT:
        loop.quit()
    elif key == "r":
        loop.reset()
    elif key in ("s", "q"):
        if key == "q":
            loop.quit()
        loop.stop("hand", "by key")
    else:
        loop.emergency("by key")
