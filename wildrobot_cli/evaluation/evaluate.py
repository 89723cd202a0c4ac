"""Measuring a run's policy on scenarios, from physics and not from rewards."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wildrobot_cli.config.environment import EnvConfig
from wildrobot_cli.config.schema import Config
from wildrobot_cli.env.environment import WildRobotEnv
from wildrobot_cli.errors import ConfigError, suggest
from wildrobot_cli.evaluation.metrics import ServoLimits, scenario_metrics
from wildrobot_cli.evaluation.naturalness import naturalness
from wildrobot_cli.evaluation.rollout import rollout
from wildrobot_cli.evaluation.trajectory import Trajectory
from wildrobot_cli.robot import Robot
from wildrobot_cli.training.policy import load_policy
from wildrobot_cli.training.run_folder import RunFolder, open_run

SCENARIOS: dict[str, Callable[[EnvConfig], EnvConfig]] = {}
"""From a run's environment to a scenario's, by the scenario's name."""

Progress = Callable[[str, float], None]


def _scenario(function: Callable[[EnvConfig], EnvConfig]) -> Callable[[EnvConfig], EnvConfig]:
    SCENARIOS[function.__name__] = function
    return function


@_scenario
def flat(config: EnvConfig) -> EnvConfig:
    """Flat floor, one command an episode, drawn from the run's own range."""
    held = {"hold": config.episode_length, "zero_probability": 0.0}
    return config.model_copy(update={"commands": config.commands.model_copy(update=held)})


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found."""

    run: str
    """Name of the run."""
    env_steps: int
    """Control steps of training behind the policy."""
    scenarios: dict[str, dict[str, Any]]
    """Metrics by scenario; the keys are documented in docs/evaluation.md."""
    trajectories: dict[str, Trajectory]
    """The rollouts themselves, by scenario."""
    min_success_rate: float
    """The gate: share of rollouts that must succeed."""

    @property
    def passed(self) -> bool:
        """Whether every scenario holds the gate."""
        return all(m["success_rate"] >= self.min_success_rate for m in self.scenarios.values())


def evaluate(
    run: RunFolder | Path | str,
    scenarios: tuple[str, ...] = ("flat",),
    episodes: int | None = None,
    config: Config | None = None,
    checkpoint: str | None = None,
    on_progress: Progress | None = None,
) -> Evaluation:
    """Roll out a run's deterministic policy and measure it.

    Args:
        run: the run, or its folder.
        scenarios: names from `SCENARIOS`.
        episodes: rollouts a scenario; as configured when None.
        config: to use in place of the run's own.
        checkpoint: number of control steps; the newest when None.
        on_progress: called with the scenario and the share of it that is done.

    Raises:
        ConfigError: an unknown scenario, or a run or checkpoint that does not fit.
    """
    run = run if isinstance(run, RunFolder) else open_run(Path(run))
    config = config or run.config
    _check_scenarios(scenarios)
    env = WildRobotEnv(config.env)
    policy = load_policy(run, config, env, checkpoint)
    trajectories = {
        name: rollout(
            WildRobotEnv(SCENARIOS[name](config.env)),
            policy.act,
            episodes or config.eval.episodes,
            config.seed,
            None if on_progress is None else _named(on_progress, name),
        )
        for name in scenarios
    }
    limits = servo_limits(env.robot)
    metrics = {name: scenario_metrics(t, limits) for name, t in trajectories.items()}
    if config.env.reference is not None:
        for name, trajectory in trajectories.items():
            metrics[name]["naturalness"] = naturalness(trajectory, env.robot, config.env)
    return Evaluation(
        run.name, policy.env_steps, metrics, trajectories, config.eval.min_success_rate
    )


def servo_limits(robot: Robot) -> ServoLimits:
    """What the metrics must know of a robot's servos."""
    servo = robot.servo
    return ServoLimits(robot.torque_limit, servo.no_load_speed, servo.copper_loss)


def _check_scenarios(names: tuple[str, ...]) -> None:
    for name in names:
        if name not in SCENARIOS:
            raise ConfigError(f"no scenario '{name}'{suggest(name, SCENARIOS)}")


def _named(on_progress: Progress, name: str) -> Callable[[float], None]:
    return lambda share: on_progress(name, share)
