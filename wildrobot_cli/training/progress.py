"""How far a training is, how fast it goes, and when it will be done."""

import math
import statistics
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from wildrobot_cli.config.learning import BatchConfig
from wildrobot_cli.config.schema import Config
from wildrobot_cli.training.memory import foretold_memory_mb

FORECAST_AFTER = 12
"""Iterations after which the rest is foretold; the first two, that warm up, do not count."""


@dataclass(frozen=True)
class Forecast:
    """What the rest of a run takes, told from measured iterations."""

    seconds: float
    """Until its evaluation is done [s]."""
    memory_mb: float
    """Most memory, of the GPU where there is one [MB]."""


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
    control_period: float
    """Time of a control step, to turn their numbers into seconds [s]."""
    metrics: Mapping[str, float]
    """This iteration's metrics, as in metrics.jsonl."""
    forecast: Forecast | None
    """Once, after `FORECAST_AFTER` iterations of this process."""


@dataclass
class Clock:
    """Counts and times iterations."""

    steps_per_iteration: int
    """Control steps in an iteration."""
    first: int = 0
    """Iterations done before this process took over."""
    timed: int = 0
    """Iterations done by this process."""
    train_s: float = 0.0
    """Time in them [s]."""
    _pace: float = 0.0
    _recent: deque[float] = field(default_factory=lambda: deque(maxlen=FORECAST_AFTER - 2))

    def tick(self, seconds: float) -> None:
        """Count an iteration that took `seconds`."""
        self.timed += 1
        self.train_s += seconds
        self._recent.append(seconds)
        self._pace = 0.9 * self._pace + 0.1 * seconds if self._pace else seconds

    @property
    def iterations(self) -> int:
        """Iterations of the run so far."""
        return self.first + self.timed

    @property
    def env_steps(self) -> int:
        """Control steps so far."""
        return self.iterations * self.steps_per_iteration

    @property
    def speed(self) -> float:
        """Control steps per second, smoothed over about ten iterations."""
        return self.steps_per_iteration / self._pace

    @property
    def typical_speed(self) -> float:
        """Control steps per second in the median of the last iterations."""
        return self.steps_per_iteration / statistics.median(self._recent)

    @property
    def mean_speed(self) -> float:
        """Control steps per second over all timed iterations; 0 before the first."""
        return self.timed * self.steps_per_iteration / self.train_s if self.timed else 0.0


@dataclass(frozen=True)
class Schedule:
    """How many iterations a training has, and of how many control steps."""

    steps_per_iteration: int
    iterations: int
    control_period: float
    evaluation_steps: int
    """Control steps of the evaluation at the end."""
    scoring_steps_per_s: float
    """Control steps that score checkpoints, for each second of training."""

    @classmethod
    def of(cls, config: Config, batch: BatchConfig) -> Self:
        """Round the configured control steps up to whole iterations."""
        steps = batch.num_envs * batch.unroll_length
        period, saving = config.env.control_period, config.checkpoints
        scoring = saving.rollouts * saving.rollout_length / period / saving.every_seconds
        evaluation = config.eval.episodes * config.env.episode_steps
        return cls(steps, math.ceil(config.ppo.steps / steps), period, evaluation, scoring)

    def progress(self, clock: Clock, metrics: Mapping[str, float]) -> Progress:
        """Where the training stands."""
        total = self.iterations * self.steps_per_iteration
        left = (total - clock.env_steps) / clock.speed
        forecast = self._forecast(clock) if clock.timed == FORECAST_AFTER else None
        return Progress(
            clock.env_steps, total, clock.speed, left, self.control_period, metrics, forecast
        )

    def _forecast(self, clock: Clock) -> Forecast:
        """Foretell the rest: training, scoring and evaluation step at the typical speed."""
        speed, steps = clock.typical_speed, self.iterations * self.steps_per_iteration
        training = (steps - clock.env_steps) / speed
        scoring = training * self.scoring_steps_per_s / speed
        evaluation = self.evaluation_steps / speed
        memory = foretold_memory_mb(self.evaluation_steps)
        return Forecast(training + scoring + evaluation, memory)
