"""When physics fails, or learning leaves the finite numbers: what the last steps looked like.

The arrays of the last unrolls stay on the device; the columns of a faulty environment alone are
fetched, and only when there is a fault.
"""

import logging
import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from wildrobot_cli.env.environment import WildRobotEnv
from wildrobot_cli.errors import ConfigError, EnvironmentUnavailable, RunError, WildRobotError
from wildrobot_cli.runtime.bundles.archives import read_arrays
from wildrobot_cli.training.learner import Recording
from wildrobot_cli.training.run_folder import RunFolder

log = logging.getLogger(__name__)

STATES = 100
"""Control steps in a dump, at most."""
MAX_DUMPS = 10
"""Dumps of failed simulations in a run, at most."""


class TrainingDiverged(WildRobotError):
    """A loss, a parameter or the observations left the finite numbers; nothing of it was saved."""


@dataclass(frozen=True)
class Dump:
    """The last steps of one simulation; the last row is the step that failed."""

    qpos: np.ndarray
    """Generalized positions before each step. Shape (T, nq)."""
    qvel: np.ndarray
    """Generalized velocities before each step [m/s, rad/s]. Shape (T, nv)."""
    action: np.ndarray
    """The policy's actions. Shape (T, n)."""
    ctrl: np.ndarray
    """Joint targets made of them [rad]. Shape (T, n)."""
    env_steps: int
    """Control steps of training, at the end of the iteration."""
    env: int
    """Which of the parallel environments it was."""
    reason: str
    """What went wrong."""

    def write(self, path: Path) -> None:
        """Write the dump as a NumPy archive.

        Raises:
            EnvironmentUnavailable: the disk refuses.
        """
        try:
            path.parent.mkdir(exist_ok=True)
            np.savez(path, **vars(self))
        except OSError as error:
            raise EnvironmentUnavailable(f"{path}: cannot write: {error.strerror}") from error


def read_dump(path: Path) -> Dump:
    """Read a dump.

    Raises:
        RunError: there is none at `path`, or it is damaged.
    """
    try:
        arrays = read_arrays(path.read_bytes())
        fields: dict[str, Any] = {name: arrays[name] for name in Dump.__dataclass_fields__}
        for name, kind in (("env_steps", int), ("env", int), ("reason", str)):
            fields[name] = kind(fields[name])
        return Dump(**fields)
    except FileNotFoundError:
        raise RunError(f"{path}: no such file") from None
    except (ConfigError, OSError, KeyError, TypeError, ValueError) as error:
        raise RunError(f"{path}: not a dump of a failed simulation: {error}") from None


class FlightRecorder:
    """Keeps the last unrolls, and dumps what led to a fault."""

    def __init__(self, run: RunFolder, env: WildRobotEnv, unroll_length: int) -> None:
        """Keep as many unrolls as hold `STATES` steps."""
        self._run = run
        self._env = env
        self._recent: deque[Recording] = deque(maxlen=math.ceil(STATES / unroll_length) + 1)

    def watch(self, env_steps: int, recording: Recording, metrics: Mapping[str, float]) -> None:
        """Look at an iteration: dump failed simulations, stop at what is not finite.

        Raises:
            TrainingDiverged: the learning has left the finite numbers.
        """
        self._recent.append(recording)
        if metrics["physics/faults"] > 0:
            self._dump_faults(env_steps, recording)
        for name, value in metrics.items():
            if name.startswith(("loss/", "observation/")) and not math.isfinite(value):
                self._stop(env_steps, recording, f"{name} became {value}")

    def _dump_faults(self, env_steps: int, recording: Recording) -> None:
        """Dump the simulations that failed in the last unroll, as far as there is room."""
        fault = np.asarray(jax.device_get(recording.flight.fault))
        room = MAX_DUMPS - len(list(self._run.faults.glob("*.npz")))
        envs = np.flatnonzero(fault.any(axis=1))
        for env in envs[: max(room, 0)]:
            step = int(np.argmax(fault[env]))
            path = self._write(env_steps, int(env), step, "the physics failed")
            log.warning("%s; the others go on", _told(path, "a simulation failed and was reset"))
        if room > 0 and len(envs) >= room:
            log.warning("%s holds %d dumps: no more", self._run.faults, MAX_DUMPS)

    def _stop(self, env_steps: int, recording: Recording, reason: str) -> None:
        """Dump the wildest environment and raise."""
        speed = np.abs(jax.device_get(recording.flight.qvel)).max(axis=(1, 2))
        reward = np.abs(jax.device_get(recording.reward)).max(axis=1)
        wild = np.where(np.isfinite(speed) & np.isfinite(reward), speed, np.inf)
        path = self._write(env_steps, int(np.argmax(wild)), recording.ended.shape[1] - 1, reason)
        raise TrainingDiverged(
            f"{_told(path, f'{self._run.path}: {reason}')}. "
            "What was saved before is whole; a smaller ppo.learning_rate often helps"
        )

    def _write(self, env_steps: int, env: int, step: int, reason: str) -> Path:
        """Dump an environment's episode up to a step of the last unroll."""
        track = _track(list(self._recent), env, step)
        robot, scale = self._env.robot, self._env.config.action_scale
        ctrl = np.clip(robot.home_ctrl + scale * track["action"], robot.lower, robot.upper)
        path = self._run.faults / f"{env_steps:012d}-env{env}.npz"
        Dump(**track, ctrl=ctrl, env_steps=env_steps, env=env, reason=reason).write(path)
        return path


def _track(recordings: list[Recording], env: int, step: int) -> dict[str, np.ndarray]:
    """One environment's last steps, up to `step` of the last unroll, of its last episode."""

    def column(array: Any) -> np.ndarray:
        return np.asarray(jax.device_get(array[env]))

    names = ("qpos", "qvel", "action")
    columns = {n: [column(getattr(r.flight, n)) for r in recordings] for n in names}
    ended = np.concatenate([column(r.ended) for r in recordings])
    stop = len(ended) - recordings[-1].ended.shape[1] + step + 1
    before = np.flatnonzero(ended[: stop - 1])
    start = max(stop - STATES, int(before[-1]) + 1 if len(before) else 0)
    return {name: np.concatenate(parts)[start:stop] for name, parts in columns.items()}


def _told(path: Path, what: str) -> str:
    return f"{what}; its last steps are in {path}, to see them: wildrobot replay {path}"
