"""The control loop goes first: before other programs, other threads and collections of garbage."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

SWITCH = 2e-4
"""How long another thread may keep the loop waiting for the interpreter [s]."""


def hurry() -> None:
    """Let this thread, and those it starts, go before other programs; do nothing where refused."""
    if hasattr(os, "sched_setscheduler"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let what runs within the block, in this thread and in those it starts, be on time.

    They are scheduled in real time where the system grants it, threads give way to one another
    sooner, and no garbage is collected: a collection of everything that was ever imported takes
    longer than a control period.
    """
    hurry()
    switch = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH)
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()
        sys.setswitchinterval(switch)
