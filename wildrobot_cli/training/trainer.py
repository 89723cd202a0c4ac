"""Training a policy into a run folder: the loop around the learner."""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

import jax

from wildrobot_cli.config.schema import BatchConfig, Config
from wildrobot_cli.env.environment import WildRobotEnv
from wildrobot_cli.env.wrappers import wrap_for_training
from wildrobot_cli.errors import WildRobotError
from wildrobot_cli.training import checkpoints
from wildrobot_cli.training.learner import Learner, TrainingState
from wildrobot_cli.training.metrics_log import MetricsLog
from wildrobot_cli.training.policy import batch_config, policy_tree
from wildrobot_cli.training.run_folder import (
    RunFolder,
    check_new_run,
    create_run,
    describe_machine,
    write_atomically,
)


class TrainingDiverged(WildRobotError):
    """A loss left the finite numbers; nothing of it was saved."""


@dataclass(frozen=True)
class Progress:
    """Where a training stands after an iteration."""

    env_steps: int
    """Control steps so far."""
    total_steps: int
    """Control steps at the end."""
    steps_per_s: float
    """Control steps per second, learning included, over the last iterations."""
    seconds_left: float
    """At that speed [s]."""
    metrics: Mapping[str, float]
    """This iteration's metrics, as in metrics.jsonl."""


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


@dataclass
class _Clock:
    """Counts and times iterations."""

    steps_per_iteration: int
    iterations: int = 0
    train_s: float = 0.0
    _pace: float = 0.0

    def tick(self, seconds: float) -> None:
        """Count an iteration that took `seconds`."""
        self.iterations += 1
        self.train_s += seconds
        self._pace = 0.9 * self._pace + 0.1 * seconds if self._pace else seconds

    @property
    def env_steps(self) -> int:
        """Control steps so far."""
        return self.iterations * self.steps_per_iteration

    @property
    def speed(self) -> float:
        """Control steps per second, smoothed over about ten iterations."""
        return self.steps_per_iteration / self._pace


@dataclass(frozen=True)
class _Schedule:
    """How many iterations a training has, and of how many control steps."""

    steps_per_iteration: int
    iterations: int

    @classmethod
    def of(cls, config: Config, batch: BatchConfig) -> Self:
        """Round the configured control steps up to whole iterations."""
        steps = batch.num_envs * batch.unroll_length
        return cls(steps, math.ceil(config.ppo.steps / steps))

    def progress(self, clock: _Clock, metrics: Mapping[str, float]) -> Progress:
        """Where the training stands."""
        total = self.iterations * self.steps_per_iteration
        left = (total - clock.env_steps) / clock.speed
        return Progress(clock.env_steps, total, clock.speed, left, metrics)


def train(
    config: Config,
    runs: Path | str = "runs",
    name: str | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    max_minutes: float = math.inf,
) -> TrainingResult:
    """Train a policy with PPO into a new run folder, `runs`/`name`.

    Args:
        config: what to train.
        runs: the folder that holds runs.
        name: of the run; made of the robot and the time when None.
        on_progress: called after every iteration.
        max_minutes: stop after the iteration that exceeds this wall time [min].

    Raises:
        WildRobotError: bad input (nothing is written then), a machine that cannot run it, or a
            loss that diverged.
    """
    started = time.perf_counter()
    name = time.strftime("%Y%m%d-%H%M%S") if name is None else name
    check_new_run(Path(runs), name)
    config = _movable(config)
    env = WildRobotEnv(config.env)
    batch = batch_config(config, env.backend)
    schedule = _Schedule.of(config, batch)
    wrapped = wrap_for_training(env, config.env.episode_steps)
    learner = Learner(wrapped, config.ppo, batch, schedule.iterations)
    device = jax.devices()[0].device_kind
    run = create_run(Path(runs), name, config, describe_machine(env.backend, device))
    state, iterate, compile_s = _compile(learner, config.seed)
    saver = _Saver(run, config, env, schedule)
    deadline = started + 60 * max_minutes
    clock = _Clock(schedule.steps_per_iteration)
    with MetricsLog(run.metrics_file) as log:
        last: Mapping[str, float] = {}
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
    saver.save(state, clock.iterations)
    result = TrainingResult(
        run=str(run.path),
        env_steps=clock.env_steps,
        wall_s=time.perf_counter() - started,
        train_s=clock.train_s,
        compile_s=compile_s,
        env_steps_per_s=clock.env_steps / clock.train_s if clock.train_s else 0.0,
        engine=env.backend,
        device=device,
        params_sha256=checkpoints.params_sha256((state.params, state.normalizer)),
        finished=clock.iterations == schedule.iterations,
    )
    write_summary(run, result)
    return result


def _movable(config: Config) -> Config:
    """Name a robot that is given by a path by its absolute path: a run finds it from anywhere."""
    robot = Path(config.env.robot)
    if not robot.is_file():
        return config
    env = config.env.model_copy(update={"robot": str(robot.absolute())})
    return config.model_copy(update={"env": env})


def _compile(learner: Learner, seed: int) -> tuple[TrainingState, Any, float]:
    """Start a training and compile its iteration; return both, and the time it took [s]."""
    begin = time.perf_counter()
    state = learner.init(jax.random.PRNGKey(seed))
    iterate = learner.iterate.lower(state).compile()
    return state, iterate, time.perf_counter() - begin


def write_summary(run: RunFolder, result: TrainingResult) -> None:
    """Write `summary.json` into the run folder."""
    write_atomically(run.summary_file, json.dumps(asdict(result), indent=2) + "\n")


class _Saver:
    """Saves the training state when it is time to."""

    def __init__(
        self, run: RunFolder, config: Config, env: WildRobotEnv, schedule: _Schedule
    ) -> None:
        self._run = run
        self._settings = config.checkpoints
        self._fingerprint = env.robot.fingerprint
        self._steps = schedule.steps_per_iteration
        self._last = time.perf_counter()

    def save_if_due(self, state: TrainingState, iteration: int) -> None:
        """Save when `every_seconds` have passed since the last time."""
        if time.perf_counter() - self._last >= self._settings.every_seconds:
            self.save(state, iteration)

    def save(self, state: TrainingState, iteration: int) -> None:
        """Save now."""
        checkpoints.save(
            self._run.checkpoints,
            iteration * self._steps,
            policy=policy_tree(state.normalizer, state.params.policy),
            trainer=trainer_tree(state),
            robot_fingerprint=self._fingerprint,
            keep=self._settings.keep,
        )
        self._last = time.perf_counter()


def trainer_tree(state: TrainingState) -> dict[str, Any]:
    """What a checkpoint holds beside the policy."""
    return {
        "value": state.params.value,
        "optimizer": state.optimizer,
        "env": state.env,
        "key": state.key,
        "iteration": state.iteration,
    }


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
