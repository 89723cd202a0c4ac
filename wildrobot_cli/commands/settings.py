"""From command-line options to a configuration, and JAX as the commands want it."""

import ctypes.util
import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from wildrobot_cli.bench import gpu
from wildrobot_cli.config.schema import Config
from wildrobot_cli.errors import EnvironmentUnavailable
from wildrobot_cli.training.checkpoint_list import find_checkpoint
from wildrobot_cli.training.run_folder import RunFolder, open_run

COMPILE_CACHE = "JAX_COMPILATION_CACHE_DIR"
RENDERERS = ("egl", "osmesa", "glfw")
"""What MuJoCo renders with."""


def load_config(
    name_or_path: str | Path,
    overrides: Iterable[str] = (),
    *,
    seed: int | None = None,
    engine: str | None = None,
    impl: str | None = None,
    robot: str | None = None,
    num_envs: int | None = None,
    steps: int | None = None,
) -> Config:
    """Load a configuration; options are overrides that come after the `--set` ones.

    Raises:
        ConfigError: naming the file, the key path, what was expected and what was found.
    """
    options = {
        "seed": seed,
        "env.robot": robot,
        "env.engine": engine,
        "env.mjx.impl": impl,
        "ppo.steps": steps,
    }
    everything = (*overrides, *as_overrides(options))
    config = Config.from_file(name_or_path, everything)
    if num_envs is None:
        return config
    from wildrobot_cli.physics.factory import resolve_engine

    key = f"ppo.{resolve_engine(config.env.engine)}.num_envs"
    return Config.from_file(name_or_path, (*everything, f"{key}={num_envs}"))


def open_trained(path: Path, checkpoint: str | None, overrides: Iterable[str] = ()) -> RunFolder:
    """Open a run; what is wrong with it or its options is said before JAX is imported.

    Raises:
        RunError: it is no run, or has no such checkpoint.
        ConfigError: its configuration does not take the overrides.
    """
    run = open_run(path)
    find_checkpoint(run.checkpoints, checkpoint)
    load_config(run.config_file, overrides)
    return run


def as_overrides(options: Mapping[str, object]) -> tuple[str, ...]:
    """Write options by the key that they set as overrides; those that were not given are None."""
    given = {key: value for key, value in options.items() if value is not None}
    return tuple(f"{key}={json.dumps(value)}" for key, value in given.items())


def prepare_jax() -> None:
    """Set JAX up: its compilation cache, its precision; to be called before it is imported.

    Programs compiled for one processor do not run on another: each kind has its own folder. On a
    GPU products of matrices are computed in full single precision, unless told otherwise.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    os.environ.setdefault(COMPILE_CACHE, str(home / "wildrobot" / f"jax-{_processor()}"))
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.5")
    # XLA warns at each cached program that two of its tuning hints are not features of the CPU.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if gpu.DRIVER.exists():  # else TensorFloat-32: three digits of what learning works with
        os.environ.setdefault(gpu.PRECISION, "highest")


def prepare_rendering() -> None:
    """Tell MuJoCo how to render without a screen; to be called before MuJoCo is imported.

    Raises:
        EnvironmentUnavailable: there is no OpenGL library to do it with.
    """
    chosen = os.environ.get("MUJOCO_GL")
    if chosen is not None and chosen.lower() not in RENDERERS:
        raise EnvironmentUnavailable(
            f"MUJOCO_GL is '{chosen}': set it to {', '.join(RENDERERS)}, or unset it"
        )
    if chosen or sys.platform != "linux":
        return
    egl = ctypes.util.find_library("EGL")
    if egl and os.path.exists("/dev/nvidia0"):
        os.environ["MUJOCO_GL"] = "egl"
    elif ctypes.util.find_library("OSMesa"):
        os.environ["MUJOCO_GL"] = "osmesa"
    elif egl:
        os.environ["MUJOCO_GL"] = "egl"
    elif "DISPLAY" not in os.environ:
        raise EnvironmentUnavailable(
            "an animation needs OpenGL without a screen: install OSMesa "
            "(Debian: apt install libosmesa6)"
        )


def rendering_obstacle() -> str | None:
    """Prepare to render without a screen; return what is missing for it, if anything."""
    try:
        prepare_rendering()
    except EnvironmentUnavailable as error:
        return str(error)
    return None


def _processor() -> str:
    """A short name for the kind of processor: a digest of its model and features."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    kind = sorted({line for line in lines if line.startswith(("model name", "flags"))})
    text = "\n".join(kind or [platform.processor() or platform.machine()])
    return hashlib.sha256(text.encode()).hexdigest()[:12]
