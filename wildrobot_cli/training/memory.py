"""How much memory a process has needed. Imports no JAX: not all that is measured uses it."""

import re
import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


def peak_memory_mb() -> float:
    """Most memory in use so far, of the GPU where JAX runs on one, else of this process [MB]."""
    if "jax" in sys.modules:
        stats = sys.modules["jax"].local_devices()[0].memory_stats() or {}
        if "peak_bytes_in_use" in stats:
            return float(stats["peak_bytes_in_use"]) / 2**20
    return peak_process_mb()


def peak_process_mb() -> float:
    """Most memory that this process has held [MB].

    On Linux `getrusage` would do no good: a new program begins there with its parent's peak.
    """
    if _STATUS.is_file():
        found = _PEAK.search(_STATUS.read_text())
        if found:
            return int(found[1]) / 2**10
    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
