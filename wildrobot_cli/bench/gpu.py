"""What differs on a GPU: whether there is one, JAX's environment, and how many robots fit."""

import importlib.util
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from wildrobot_cli.errors import EnvironmentUnavailable

SIZES = (1024, 2048, 4096, 8192, 16384, 32768)
"""Numbers of environments that are measured."""
LARGEST = 2**20
"""Where the search for the largest batch ends at the latest."""
PRECISION = "JAX_DEFAULT_MATMUL_PRECISION"
DRIVER = Path("/proc/driver/nvidia")
"""What is there with a GPU."""


def require_gpu() -> None:
    """Raise where JAX sees no GPU.

    Raises:
        EnvironmentUnavailable: naming what is missing: driver, JAX's CUDA plugin, or the device.
    """
    import jax

    with suppress(RuntimeError, AssertionError):  # of a platform that JAX was told and has not
        if jax.default_backend() == "gpu":
            return
    raise EnvironmentUnavailable(f"--gpu: {missing(DRIVER.exists(), _has_plugin())}")


def missing(driver: bool, plugin: bool) -> str:
    """Say what to change where JAX sees no GPU."""
    if not driver:
        return "no NVIDIA driver on this machine (nvidia-smi must list a GPU); leave --gpu out"
    if not plugin:
        return "JAX has no CUDA support here: pip install 'wildrobot[cuda,warp]'"
    return "JAX sees no GPU: check CUDA_VISIBLE_DEVICES and JAX_PLATFORMS"


def has_warp() -> bool:
    """Whether MuJoCo Warp is installed."""
    return importlib.util.find_spec("warp") is not None


def environment(given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variables of processes that measure on a GPU; what the user has set stays.

    Products of matrices are computed in full single precision: NVIDIA's TensorFloat-32, JAX's
    default there, keeps three digits, and contact forces and policy gradients need more. Memory is
    taken as it is needed, so that its peak says something.
    """
    wanted = {PRECISION: "highest", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    return {name: given.get(name, value) for name, value in wanted.items()}


def largest_that_fits(fits: Callable[[int], bool], start: int) -> int:
    """Double a number of environments, `start`, that fits; return the last that did."""
    number = start
    while 2 * number <= LARGEST and fits(2 * number):
        number *= 2
    return number


def _has_plugin() -> bool:
    return any(
        importlib.util.find_spec(f"jax_cuda{version}_plugin") is not None for version in (12, 13)
    )
