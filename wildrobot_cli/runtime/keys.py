"""Keys on the terminal, heard by a thread of its own: a held screen delays no stop."""

import os
import select
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from wildrobot_cli.runtime.loop import Loop

REFRESH = 0.1
"""Time between two looks at whether the run has ended [s]."""
HELP = "Enter: emergency stop   s: soft stop   r: reset after a stop   q: soft stop and quit"


def on_terminal() -> bool:
    """Whether somebody can press keys."""
    return sys.stdin is not None and sys.stdin.isatty()


@contextmanager
def keys(loop: Loop) -> Iterator[None]:
    """Within the block do what is typed; see `HELP`."""
    if not on_terminal():
        yield
        return
    ended = threading.Event()
    thread = threading.Thread(target=_listen, args=(loop, ended), name="keys", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(2 * REFRESH)


def _listen(loop: Loop, ended: threading.Event) -> None:
    """Obey keys until the run has ended. It never prints or writes: that could keep it waiting."""
    terminal = sys.stdin.fileno()
    while not ended.is_set():
        if not select.select([terminal], [], [], REFRESH)[0]:
            continue
        try:
            typed = os.read(terminal, 1024)
        except OSError:
            typed = b""
        if not typed:  # the terminal is gone, or Ctrl-D: nobody is waited for any more
            loop.quit()
            time.sleep(REFRESH)
        for line in typed.decode(errors="replace").splitlines():
            _obey(loop, line.strip())


def _obey(loop: Loop, line: str) -> None:
    if line == "r":
        loop.reset()
    elif line in ("s", "q"):
        if line == "q":
            loop.quit()
        loop.stop("hand", "by key")
    else:
        loop.emergency("by key")
