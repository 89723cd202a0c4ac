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
from wildrobot_cli.errors import EnvironmentUnavailable
from wildrobot_cli.training import checkpoints
from wildrobot_cli.training.faults import FlightRecorder
from wildrobot_cli.training.judge import Judge
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
from wildrobot_cli.training.run_lock import run_lock
from wildrobot_cli.training.saving import Saver, restore_newest
from wildrobot_cli.training.signals import Interrupted, StopRequest, stop_requests
from wildrobot_cli.training.wandb_log import require_wandb

OnProgress = Callable[[Progress], None]


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
    reproducible: bool
    """Whether the same seed, configuration and machine give the same parameters to the bit."""
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
    wandb: bool = False,
) -> TrainingResult:
    """Train a policy with PPO into a new run folder, `runs`/`name`.

    Args:
        config: what to train.
        runs: the folder that holds runs.
        name: of the run; made of the time when None.
        on_progress: called after every iteration.
        max_minutes: stop after the iteration that exceeds this wall time [min].
        wandb: whether to log to Weights & Biases as well.

    Raises:
        WildRobotError: bad input (nothing is written then), a machine that cannot run it, a
            training that diverged, or a signal that asked to stop (the run is saved then).
    """
    watch = _Watch.start(max_minutes)
    name = time.strftime("%Y%m%d-%H%M%S") if name is None else name
    check_new_run(Path(runs), name)
    if wandb:
        require_wandb()
    parts = _Parts.of(_movable(config))
    description = describe_machine(config.seed, parts.env.backend, _device(), _reproducible())
    run = create_run(Path(runs), name, parts.config, description)
    with run_lock(run):
        watch.begin_to_compile()
        state = parts.learner.init(jax.random.PRNGKey(config.seed))
        return _learn(parts, run, state, None, watch, on_progress, wandb)


def resume(
    run: RunFolder | Path | str,
    on_progress: OnProgress | None = None,
    max_minutes: float = math.inf,
    wandb: bool | None = None,
) -> TrainingResult:
    """Go on with a run from its newest whole checkpoint, as if it had never stopped.

    On a CPU it ends with the same parameters, to the bit, as without the stop.

    Args:
        run: the run, or its folder.
        on_progress: called after every iteration.
        max_minutes: stop after the iteration that exceeds this wall time [min].
        wandb: whether to log to Weights & Biases; as before when None.

    Raises:
        WildRobotError: as `train`; a run that is none, or that another process trains.
    """
    watch = _Watch.start(max_minutes)
    run = run if isinstance(run, RunFolder) else open_run(Path(run))
    wandb = run.wandb_file.is_file() if wandb is None else wandb
    if wandb:
        require_wandb()
    with run_lock(run):
        parts = _Parts.of(run.config)
        watch.begin_to_compile()
        state = restore_newest(run, parts.learner, parts.env.robot.fingerprint)
        saved = None if state is None else int(state.iteration)
        state = state or parts.learner.init(jax.random.PRNGKey(parts.config.seed))
        return _learn(parts, run, state, saved, watch, on_progress, wandb)


@dataclass(frozen=True)
class _Parts:
    """What a configuration makes: everything that a training works with."""

    config: Config
    env: WildRobotEnv
    schedule: Schedule
    learner: Learner
    judge: Judge | None

    @classmethod
    def of(cls, config: Config) -> "_Parts":
        """Build them; nothing is written."""
        env = WildRobotEnv(config.env)
        batch = batch_config(config, env.backend)
        schedule = Schedule.of(config, batch)
        episode_steps = round(config.ppo.episode_length / config.env.control_period)
        wrapped = wrap_for_training(env, episode_steps)
        learner = Learner(wrapped, config.ppo, batch, schedule.iterations)
        scored = config.checkpoints.rollouts > 0
        judge = Judge(env, learner.networks, config.checkpoints, config.seed) if scored else None
        return cls(config, env, schedule, learner, judge)

    def saver(self, run: RunFolder, saved: int | None) -> Saver:
        """Make what saves them into a run."""
        fingerprint, steps = self.env.robot.fingerprint, self.schedule.steps_per_iteration
        return Saver(run, self.config.checkpoints, steps, fingerprint, self.judge, saved)


@dataclass
class _Watch:
    """Wall times of one call."""

    started: float
    deadline: float
    compiling: float = 0.0

    @classmethod
    def start(cls, max_minutes: float) -> "_Watch":
        now = time.perf_counter()
        return cls(now, now + 60 * max_minutes)

    def begin_to_compile(self) -> None:
        self.compiling = time.perf_counter()


def _learn(
    parts: _Parts,
    run: RunFolder,
    state: TrainingState,
    saved: int | None,
    watch: _Watch,
    on_progress: OnProgress | None,
    wandb: bool,
) -> TrainingResult:
    """Iterate to the end of the schedule, the time limit or a signal; save; summarise."""
    iterate = parts.learner.compiled(state)
    compile_s = time.perf_counter() - watch.compiling
    schedule = parts.schedule
    clock = Clock(schedule.steps_per_iteration, first=saved or 0)
    recorder = FlightRecorder(run, parts.env, parts.learner.unroll_length)
    last: Mapping[str, float] = {}
    with (
        MetricsLog(run, clock.env_steps, wandb) as log,
        stop_requests() as stop,
        parts.saver(run, saved) as saver,
    ):
        while clock.iterations < schedule.iterations and time.perf_counter() < watch.deadline:
            begin = time.perf_counter()
            state, metrics, recording = iterate(state)
            last = _carry_over(last, {k: float(v) for k, v in jax.device_get(metrics).items()})
            clock.tick(time.perf_counter() - begin)
            recorder.watch(clock.env_steps, recording, last)
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
        wall_s=time.perf_counter() - watch.started,
        train_s=clock.train_s,
        compile_s=compile_s,
        env_steps_per_s=clock.mean_speed,
        engine=parts.env.backend,
        device=_device(),
        params_sha256=checkpoints.params_sha256((state.params, state.normalizer)),
        reproducible=_reproducible(),
        finished=clock.iterations == schedule.iterations,
    )
    write_summary(run, result)
    return result


def write_summary(run: RunFolder, result: TrainingResult) -> None:
    """Write `summary.json` into the run folder.

    Raises:
        EnvironmentUnavailable: the disk refuses.
    """
    try:
        write_atomically(run.summary_file, json.dumps(asdict(result), indent=2) + "\n")
    except OSError as error:
        raise EnvironmentUnavailable(
            f"{run.summary_file}: cannot write: {error.strerror}"
        ) from error


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


def _reproducible() -> bool:
    """Whether the same program gives the same bits each time here: on a GPU sums are unordered."""
    return bool(jax.default_backend() == "cpu")


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
