"""Training a policy into a run folder: the loop around the learner."""

import json
import math
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import jax

from wildrobot_cli.config.schema import Config
from wildrobot_cli.env.environment import WildRobotEnv
from wildrobot_cli.env.wrappers import wrap_for_training
from wildrobot_cli.errors import WildRobotError
from wildrobot_cli.training import checkpoints
from wildrobot_cli.training.learner import Learner, TrainingState
from wildrobot_cli.training.metrics_log import MetricsLog
from wildrobot_cli.training.policy import batch_config
from wildrobot_cli.training.progress import Clock, Progress, Schedule
from wildrobot_cli.training.run_folder import (
    RunFolder,
    check_new_run,
    create_run,
    describe_machine,
    open_run,
    write_atomically,
)
from wildrobot_cli.training.saving import Saver, restore_state
from wildrobot_cli.training.signals import Interrupted, StopRequest, stop_requests

OnProgress = Callable[[Progress], None]


class TrainingDiverged(WildRobotError):
    """A loss left the finite numbers; nothing of it was saved."""


@dataclass(frozen=True)
class TrainingResult:
    """How a training went; `summary.json` holds the same."""

    run: str
    """The run's folder."""
    env_steps: int
    """Control steps done."""
    wall_s: float
    """From the call to the end, building and compiling included [s]."""
    train_s: float
    """In iterations alone [s]."""
    compile_s: float
    """In compiling [s]."""
    env_steps_per_s: float
    """Control steps per second of `train_s`."""
    engine: str
    """Physics engine."""
    device: str
    """What JAX ran on."""
    params_sha256: str
    """Checksum of policy, value and normalizer parameters."""
    finished: bool
    """Whether all steps were done; False when `max_minutes` ended it."""
    eval: Mapping[str, Any] = field(default_factory=dict)
    """Evaluation results by scenario."""


def train(
    config: Config,
    runs: Path | str = "runs",
    name: str | None = None,
    on_progress: OnProgress | None = None,
    max_minutes: float = math.inf,
) -> TrainingResult:
    """Train a policy with PPO into a new run folder, `runs`/`name`.

    Args:
        config: what to train.
        runs: the folder that holds runs.
        name: of the run; made of the time when None.
        on_progress: called after every iteration.
        max_minutes: stop after the iteration that exceeds this wall time [min].

    Raises:
        WildRobotError: bad input (nothing is written then), a machine that cannot run it, a
            loss that diverged, or a signal that asked to stop (the run is saved then).
    """
    started = time.perf_counter()
    name = time.strftime("%Y%m%d-%H%M%S") if name is None else name
    check_new_run(Path(runs), name)
    parts = _Parts.of(_movable(config))
    description = describe_machine(parts.env.backend, _device())
    run = create_run(Path(runs), name, parts.config, description)
    begin = time.perf_counter()
    state = parts.learner.init(jax.random.PRNGKey(config.seed))
    return _learn(parts, run, state, begin, started, max_minutes, on_progress)


def resume(
    run: RunFolder | Path | str,
    on_progress: OnProgress | None = None,
    max_minutes: float = math.inf,
) -> TrainingResult:
    """Go on with a run from its newest checkpoint, as if it had never stopped.

    On a CPU it ends with the same parameters, to the bit, as without the stop.

    Raises:
        WildRobotError: as `train`; a run that is none, or is damaged.
    """
    started = time.perf_counter()
    run = run if isinstance(run, RunFolder) else open_run(Path(run))
    parts = _Parts.of(run.config)
    checkpoint = checkpoints.find_checkpoint(run.checkpoints, None)
    begin = time.perf_counter()
    state = restore_state(checkpoint, parts.learner, parts.env.robot.fingerprint)
    MetricsLog.rewind(run.metrics_file, int(checkpoint.name))
    return _learn(parts, run, state, begin, started, max_minutes, on_progress)


@dataclass(frozen=True)
class _Parts:
    """What a configuration makes: everything that a training works with."""

    config: Config
    env: WildRobotEnv
    schedule: Schedule
    learner: Learner

    @classmethod
    def of(cls, config: Config) -> "_Parts":
        """Build them; nothing is written."""
        env = WildRobotEnv(config.env)
        batch = batch_config(config, env.backend)
        schedule = Schedule.of(config, batch)
        episode_steps = round(config.ppo.episode_length / config.env.control_period)
        wrapped = wrap_for_training(env, episode_steps)
        return cls(config, env, schedule, Learner(wrapped, config.ppo, batch, schedule.iterations))


def _learn(
    parts: _Parts,
    run: RunFolder,
    state: TrainingState,
    began_to_compile: float,
    started: float,
    max_minutes: float,
    on_progress: OnProgress | None,
) -> TrainingResult:
    """Iterate to the end of the schedule, the time limit or a signal; save; summarise."""
    iterate = parts.learner.iterate.lower(state).compile()
    compile_s = time.perf_counter() - began_to_compile
    schedule, saver = parts.schedule, Saver(run, parts.config, parts.env, parts.schedule)
    clock = Clock(schedule.steps_per_iteration, first=int(state.iteration))
    deadline = started + 60 * max_minutes
    last: Mapping[str, float] = {}
    with MetricsLog(run.metrics_file) as log, stop_requests() as stop:
        while clock.iterations < schedule.iterations and time.perf_counter() < deadline:
            begin = time.perf_counter()
            state, metrics = iterate(state)
            last = _carry_over(last, {k: float(v) for k, v in jax.device_get(metrics).items()})
            _require_finite(last, run)
            clock.tick(time.perf_counter() - begin)
            log.write(clock.env_steps, {**last, "speed/env_steps_per_s": clock.speed})
            saver.save_if_due(state, clock.iterations)
            if on_progress:
                on_progress(schedule.progress(clock, last))
            if stop.signal_number is not None:
                break
        saver.save(state, clock.iterations)
    _raise_if_stopped(stop, run, clock)
    result = TrainingResult(
        run=str(run.path),
        env_steps=clock.env_steps,
        wall_s=time.perf_counter() - started,
        train_s=clock.train_s,
        compile_s=compile_s,
        env_steps_per_s=clock.mean_speed,
        engine=parts.env.backend,
        device=_device(),
        params_sha256=checkpoints.params_sha256((state.params, state.normalizer)),
        finished=clock.iterations == schedule.iterations,
    )
    write_summary(run, result)
    return result


def write_summary(run: RunFolder, result: TrainingResult) -> None:
    """Write `summary.json` into the run folder."""
    write_atomically(run.summary_file, json.dumps(asdict(result), indent=2) + "\n")


def _raise_if_stopped(stop: StopRequest, run: RunFolder, clock: Clock) -> None:
    if stop.signal_number is not None:
        name = signal.Signals(stop.signal_number).name
        raise Interrupted(
            f"stopped by {name}; saved at {clock.env_steps:,} steps. To go on:\n"
            f"  wildrobot train --resume {run.path}",
            stop.signal_number,
        )


def _device() -> str:
    return str(jax.devices()[0].device_kind)


def _movable(config: Config) -> Config:
    """Name a robot that is given by a path by its absolute path: a run finds it from anywhere."""
    robot = Path(config.env.robot)
    if not robot.is_file():
        return config
    env = config.env.model_copy(update={"robot": str(robot.absolute())})
    return config.model_copy(update={"env": env})


def _carry_over(last: Mapping[str, float], now: dict[str, float]) -> dict[str, float]:
    """Keep the last episode length where no episode ended in this iteration."""
    name = "episode/length"
    if math.isnan(now[name]):
        now[name] = last.get(name, math.nan)
    return now


def _require_finite(metrics: Mapping[str, float], run: RunFolder) -> None:
    for name, value in metrics.items():
        if name.startswith("loss/") and not math.isfinite(value):
            raise TrainingDiverged(
                f"{run.path}: {name} became {value}; the last checkpoint is whole. "
                "A smaller ppo.learning_rate often helps"
            )
