"""Training a policy into a run folder: the loop around the learner."""

import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax

from wildrobot_cli.config.schema import Config
from wildrobot_cli.env.environment import WildRobotEnv
from wildrobot_cli.env.imitation import ImitationEnv, training_env
from wildrobot_cli.env.reference import PACKAGED
from wildrobot_cli.env.wrappers import wrap_for_training
from wildrobot_cli.training import checkpoints, devices
from wildrobot_cli.training.amp import BINS, Amp, Demonstrations
from wildrobot_cli.training.faults import FlightRecorder
from wildrobot_cli.training.histograms import on_host
from wildrobot_cli.training.judge import Judge
from wildrobot_cli.training.learner import Learner, TrainingState
from wildrobot_cli.training.metrics_log import MetricsLog
from wildrobot_cli.training.policy import batch_config
from wildrobot_cli.training.progress import Clock, Progress, Schedule
from wildrobot_cli.training.result import TrainingResult, read_summary, write_summary
from wildrobot_cli.training.run_folder import (
    RunFolder,
    check_new_run,
    create_run,
    describe_machine,
    open_run,
)
from wildrobot_cli.training.run_lock import run_lock
from wildrobot_cli.training.saving import Saver, restore_newest
from wildrobot_cli.training.signals import Interrupted, StopRequest, stop_requests
from wildrobot_cli.training.wandb_log import require_wandb

OnProgress = Callable[[Progress], None]


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
    with devices.own_folder(Path(runs)) as folder:
        check_new_run(folder, name)
        if wandb:
            require_wandb()
        parts = _Parts.of(_movable(config))
        description = describe_machine(config.seed, parts.env.backend, _device(), _reproducible())
        run = create_run(folder, name, parts.config, description)
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
    with _own_run(run) as mine, run_lock(mine):
        parts = _Parts.of(run.config)
        watch.begin_to_compile()
        read = restore_newest(run, parts.learner, parts.fingerprint) if devices.leads() else None
        like = jax.eval_shape(parts.learner.init, jax.random.PRNGKey(0))
        read = devices.from_process_0(read, like)
        if read is None:
            state = parts.learner.init(jax.random.PRNGKey(parts.config.seed))
            return _learn(parts, mine, state, None, watch, on_progress, wandb)
        state = parts.learner.place(read)
        return _learn(parts, mine, state, int(read.iteration), watch, on_progress, wandb)


@contextmanager
def _own_run(run: RunFolder) -> Iterator[RunFolder]:
    """The run itself in process 0; in the others a copy without checkpoints, removed afterwards."""
    if devices.leads():
        yield run
        return
    with devices.own_folder(run.path.parent) as scratch:
        yield create_run(scratch, run.name, run.config, {})


@dataclass(frozen=True)
class _Parts:
    """What a configuration makes: everything that a training works with."""

    config: Config
    env: WildRobotEnv
    schedule: Schedule
    placement: devices.Placement
    learner: Learner
    judge: Judge | None

    @classmethod
    def of(cls, config: Config) -> "_Parts":
        """Build them; nothing is written."""
        env = training_env(config.env)
        batch = batch_config(config, env.backend)
        placement = devices.Placement(config, env.backend, batch)
        learner = make_learner(config, env, placement)
        scored = config.checkpoints.rollouts > 0
        stage = WildRobotEnv(config.env)
        judge = Judge(stage, learner.networks, config.checkpoints, config.seed) if scored else None
        return cls(config, env, Schedule.of(config, batch), placement, learner, judge)

    @property
    def fingerprint(self) -> str:
        """The robot's."""
        return self.env.robot.fingerprint

    def saver(self, run: RunFolder, saved: int | None) -> Saver:
        """Make what saves them into a run."""
        settings, steps = self.config.checkpoints, self.schedule.steps_per_iteration
        copied = self.placement.copied
        return Saver(run, settings, steps, self.fingerprint, self.judge, copied, saved)


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

    def is_over(self) -> bool:
        return time.perf_counter() >= self.deadline


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
        while clock.iterations < schedule.iterations:
            late, asked = watch.is_over(), stop.signal_number is not None
            late, asked, due = devices.agreed((late, asked, saver.due(clock.iterations)))
            if due:
                saver.save(state, clock.iterations)
            if late or asked:
                break
            begin = time.perf_counter()
            state, metrics, recording = iterate(state)
            now, spreads = on_host(metrics, BINS)
            last = _carry_over(last, now)
            clock.tick(time.perf_counter() - begin)
            log.write(clock.env_steps, {**last, "speed/env_steps_per_s": clock.speed}, spreads)
            recorder.watch(clock.env_steps, recording, last)
            if on_progress:
                on_progress(schedule.progress(clock, last))
        saver.save(state, clock.iterations)
    _raise_if_stopped(stop, run, clock)
    if not clock.timed and (before := read_summary(run)):
        return replace(before, run=str(run.path))
    result = TrainingResult(
        run=str(run.path),
        env_steps=clock.env_steps,
        new_steps=clock.timed * schedule.steps_per_iteration,
        wall_s=time.perf_counter() - watch.started,
        train_s=clock.train_s,
        compile_s=compile_s,
        env_steps_per_s=clock.mean_speed,
        engine=parts.env.backend,
        device=_device(),
        params_sha256=checkpoints.params_sha256(_learned(state)),
        reproducible=_reproducible(),
        finished=clock.iterations == schedule.iterations,
    )
    write_summary(run, result)
    return result


def _raise_if_stopped(stop: StopRequest, run: RunFolder, clock: Clock) -> None:
    if stop.signal_number is not None:
        name = signal.Signals(stop.signal_number).name
        raise Interrupted(
            f"stopped by {name}; saved at {clock.env_steps:,} steps. To go on:\n"
            f"  wildrobot train --resume {run.path}",
            stop.signal_number,
        )


def make_learner(
    config: Config, env: WildRobotEnv, placement: devices.Placement | None = None
) -> Learner:
    """The learner of a configuration, on its environment; on one device unless told otherwise."""
    batch = batch_config(config, env.backend)
    wrapped = wrap_for_training(env, round(config.ppo.episode_length / env.dt))
    iterations = Schedule.of(config, batch).iterations
    return Learner(wrapped, config.ppo, batch, iterations, placement, _make_amp(config, env))


def _make_amp(config: Config, env: WildRobotEnv) -> Amp | None:
    """The discriminator, where the configuration asks for one."""
    if config.amp is None:
        return None
    assert isinstance(env, ImitationEnv)
    shape = config.amp.mujoco if env.backend == "mujoco" else config.amp.mjx
    reference = env.reference
    shown = Demonstrations(reference.demonstrations(), reference.held_out(), reference.style.names)
    return Amp(config.amp, shape, shown)


def _learned(state: TrainingState) -> tuple[Any, ...]:
    """Policy, value and normaliser; and the discriminator, where there is one."""
    known = (state.params, state.normalizer)
    return known if state.amp is None else (*known, state.amp.params, state.amp.normalizer)


def _device() -> str:
    return str(jax.devices()[0].device_kind)


def _reproducible() -> bool:
    """Whether the same program gives the same bits each time here: on a GPU sums are unordered."""
    return bool(jax.default_backend() == "cpu")


def _movable(config: Config) -> Config:
    """Make the paths of robot and clips absolute: a run finds them from anywhere."""
    changes: dict[str, Any] = {}
    robot, reference = Path(config.env.robot), config.env.reference
    if robot.is_file():
        changes["robot"] = str(robot.absolute())
    if reference is not None and reference.library != PACKAGED:
        library = str(Path(reference.library).absolute())
        changes["reference"] = reference.model_copy(update={"library": library})
    return config.model_copy(update={"env": config.env.model_copy(update=changes)})


def _carry_over(last: Mapping[str, float], now: dict[str, float]) -> dict[str, float]:
    """Keep the last episode length where no episode ended in this iteration."""
    name = "episode/length"
    if math.isnan(now[name]):
        now[name] = last.get(name, math.nan)
    return now
