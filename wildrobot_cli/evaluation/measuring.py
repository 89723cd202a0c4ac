"""One policy on one scenario: the configuration that goes with it, the rollouts, the figures."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from wildrobot_cli.config.base import Range
from wildrobot_cli.config.environment import CommandConfig, EnvConfig
from wildrobot_cli.config.loader import load
from wildrobot_cli.config.scenario import GateConfig, Scenario, WalkConfig
from wildrobot_cli.config.schema import Config
from wildrobot_cli.env.environment import WildRobotEnv
from wildrobot_cli.errors import ConfigError
from wildrobot_cli.evaluation.gates import SUCCESS, check_figures, judge
from wildrobot_cli.evaluation.metrics import ServoLimits, scenario_metrics
from wildrobot_cli.evaluation.naturalness import naturalness
from wildrobot_cli.evaluation.rollout import rollout
from wildrobot_cli.evaluation.trajectory import Trajectory
from wildrobot_cli.robot import Robot
from wildrobot_cli.training.policy import Policy, load_policy
from wildrobot_cli.training.run_folder import RunFolder

POLICYS_OWN = ("robot", "control_period", "action_scale", "observations", "privileged")
"""Settings of the environment that a policy was made for."""

Progress = Callable[[str, float], None]
"""Told what is being measured, and the share of it that is done."""


class CannotWalk(ConfigError):
    """A run has no forward speed for a scenario's walk."""

    def __init__(self, scenario: str, reason: str) -> None:
        """Say of which scenario, and why."""
        super().__init__(f"scenario '{scenario}': {reason}")
        self.reason = reason


@dataclass(frozen=True)
class Subject:
    """A run's policy, as it is to be measured."""

    run: RunFolder
    """The run."""
    checkpoint: str | None = None
    """Which policy of it; the newest when None."""
    overrides: tuple[str, ...] = ()
    """Assignments such as `env.engine=mjx`, stronger than run and scenario."""
    episodes: int | None = None
    """Rollouts a scenario; as scenario or run say when None."""

    @cached_property
    def policy(self) -> Policy:
        """The policy, loaded."""
        config = load(Config, self.run.config_file, self.overrides)
        return load_policy(self.run, config, WildRobotEnv(config.env), self.checkpoint)

    def config(self, scenario: Scenario, task: tuple[str, ...] = ()) -> Config:
        """Return the run's configuration with the scenario, and overrides, laid over it.

        Raises:
            CannotWalk: it has a walk, and the run no forward speed for it.
            ConfigError: they do not go together.
        """
        file, layer, walk = self.run.config_file, scenario.layer, scenario.settings.walk
        overrides = (*self.overrides, *task)
        config = load(Config, file, overrides, layer)
        _check_policys_own(load(Config, file, overrides).env, config.env, scenario)
        if walk is None:
            return config
        speed = _walking_speed(walk, config.env.commands.forward, scenario.name)
        seconds = walk.distance / speed * walk.slack
        length, paced = f"env.episode_length={seconds}", f"env.commands.forward=[{speed}, {speed}]"
        return load(Config, file, (length, *overrides, paced), layer)

    def check(self, scenario: Scenario, task: tuple[str, ...] = ()) -> None:
        """Raise where the scenario cannot be measured: its environment is built, and not run.

        Raises:
            CannotWalk: as `config`.
            ConfigError: as `config`; it names a figure that there is not, or the robot lacks what
                its environment needs.
            EnvironmentUnavailable: the engine does not run here.
        """
        config = self.config(scenario, task)
        check_figures(scenario, config.env.reference is not None)
        WildRobotEnv(config.env)


@dataclass(frozen=True, eq=False)
class Measured:
    """What a scenario showed."""

    figures: dict[str, Any]
    """The scenario's entry in the JSON of `eval`; the keys are documented in docs/evaluation.md."""
    trajectory: Trajectory
    """The rollouts."""
    limits: ServoLimits
    """Of the robot's servos."""


def measure(
    subject: Subject,
    scenario: Scenario,
    on_progress: Progress | None = None,
    task: tuple[str, ...] = (),
) -> Measured:
    """Roll out a policy on a scenario, measure it, and hold it against the scenario's gates.

    `task` has overrides that make it the task of another subject, where it is to be that.
    """
    config, settings = subject.config(scenario, task), scenario.settings
    env = WildRobotEnv(config.env)
    trajectory = rollout(
        env,
        subject.policy,
        subject.episodes or settings.episodes or config.eval.episodes,
        config.seed,
        None if on_progress is None else lambda share: on_progress(scenario.name, share),
    )
    limits = servo_limits(env.robot)
    distance = None if settings.walk is None else settings.walk.distance
    figures = scenario_metrics(trajectory, limits, distance)
    if config.env.reference is not None:
        figures["naturalness"] = naturalness(trajectory, env.robot, config.env)
    beyond = untrained(subject.run.config.env.commands, config.env.commands)
    usual = {SUCCESS: GateConfig(min=config.eval.min_success_rate)}
    held = not beyond or not scenario.packaged
    gates = judge(figures, usual | settings.gates) if held else {}
    figures |= {
        "untrained": list(beyond),
        "gates": gates,
        "passed": all(gate["passed"] for gate in gates.values()),
    }
    return Measured(figures, trajectory, limits)


def untrained(own: CommandConfig, asked: CommandConfig) -> tuple[str, ...]:
    """Return which commands go beyond those of a training.

    A packaged scenario that asks so much has no gates; who writes one of their own knows.
    """
    beyond = [
        name
        for name in ("forward", "lateral", "yaw_rate")
        if not _within(getattr(own, name), getattr(asked, name))
    ]
    still = all(_within(r, (0.0, 0.0)) for r in (own.forward, own.lateral, own.yaw_rate))
    stands = own.zero_probability > 0 or still
    return (*beyond, *(["zero"] if asked.zero_probability > 0 and not stands else []))


def _within(own: Range, asked: Range) -> bool:
    return own[0] <= asked[0] and asked[1] <= own[1]


def _check_policys_own(own: EnvConfig, asked: EnvConfig, scenario: Scenario) -> None:
    """Raise `ConfigError` where a scenario changes what a policy cannot do without."""
    for key in POLICYS_OWN:
        if getattr(own, key) != getattr(asked, key):
            raise ConfigError(
                f"{scenario.document.locate(('env', key))}: env.{key}: a scenario cannot change "
                "it, the policy was made for the run's own"
            )


def _walking_speed(walk: WalkConfig, forward: Range, name: str) -> float:
    """The one forward speed of a range that a walk is to be at [m/s].

    Raises:
        CannotWalk: it is not above 0.
    """
    slowest = max(forward[0], 0.0)
    speed = slowest + walk.pace * (forward[1] - slowest)
    if speed <= 0:
        raise CannotWalk(
            name,
            f"a walk of {walk.distance:g} m needs a forward speed above 0, "
            f"the run's own range {list(forward)} gives {speed:g}; set env.commands.forward",
        )
    return speed


def servo_limits(robot: Robot) -> ServoLimits:
    """What the metrics must know of a robot's servos."""
    servo = robot.servo
    return ServoLimits(robot.torque_limit, servo.no_load_speed, servo.copper_loss)
