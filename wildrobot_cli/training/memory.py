"""How much memory a process has needed, and will. Imports no JAX: not all that asks uses it."""

import re
import resource
import sys
from pathlib import Path

RECORDED = 2048
"""What an evaluation needs for each control step that it records [bytes]; measured."""
_STATUS = Path("/proc/self/status")


def peak_memory_mb() -> float:
    """Most memory in use so far, of the GPU where JAX runs on one, else of this process [MB]."""
    gpu = _peak_of_gpu_mb()
    return _of_process_mb("VmHWM") if gpu is None else gpu


def foretold_memory_mb(records: int) -> float:
    """What `peak_memory_mb` will be after an evaluation of so many control steps [MB]."""
    gpu = _peak_of_gpu_mb()
    if gpu is not None:
        return gpu
    evaluation = records * RECORDED / 2**20
    return max(_of_process_mb("VmHWM"), _of_process_mb("VmRSS") + evaluation)


def _peak_of_gpu_mb() -> float | None:
    """Most memory that JAX has used of its GPU [MB]; None where it runs on none."""
    if "jax" not in sys.modules:
        return None
    stats = sys.modules["jax"].local_devices()[0].memory_stats() or {}
    return stats["peak_bytes_in_use"] / 2**20 if "peak_bytes_in_use" in stats else None


def _of_process_mb(name: str) -> float:
    """What Linux says of this process: VmRSS is its memory, VmHWM the most it has had [MB].

    `getrusage`, which there is elsewhere, would do no good: on Linux a new program begins with its
    parent's peak.
    """
    if _STATUS.is_file():
        found = re.search(rf"^{name}:\s+(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
        if found:
            return int(found[1]) / 2**10
    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
