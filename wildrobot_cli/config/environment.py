"""The environment's part of a configuration: robot, task, terms, engines."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from wildrobot_cli.config.base import Count, Model, NonNegative, Positive, Range, Unit
from wildrobot_cli.config.disturbances import (
    CurriculumConfig,
    DelayConfig,
    DropoutConfig,
    PushConfig,
    RandomizationConfig,
    SensorConfig,
    TerrainConfig,
)

EngineChoice = Literal["auto", "mujoco", "mjx"]
EngineName = Literal["mujoco", "mjx"]


class Term(Model):
    """One named term, with the parameters of the function of that name."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    @property
    def parameters(self) -> dict[str, Any]:
        """The function's own parameters: everything beside the declared fields."""
        return dict(self.model_extra or {})


class RewardTerm(Term):
    """A reward term of `env/rewards.py`, by name."""

    weight: float
    """Factor of the term in the summed reward [1/s]."""


class PrivilegedTerm(Term):
    """A term of `env/privileged.py`, for the value function, by name."""

    scale: float = 1.0
    """Factor on the term's values."""


class ObservationTerm(PrivilegedTerm):
    """A term of `runtime/observing/observations.py`, for the policy, by name."""

    history: Annotated[int, Field(ge=0, le=50)] = 0
    """How many earlier control steps of the term the policy sees, too, the newest first."""


class TerminationTerm(Term):
    """A termination term of `env/terminations.py`, by name."""


class CommandConfig(Model):
    """What the robot is asked to do, drawn anew every `hold` seconds.

    An episode that starts inside a clip has the clip's command at first, within these or not.
    """

    forward: Range
    """Forward velocity in the heading frame, lowest and highest [m/s]."""
    lateral: Range
    """Leftward velocity in the heading frame, lowest and highest [m/s]."""
    yaw_rate: Range
    """Turning rate, lowest and highest, counter-clockwise positive [rad/s]."""
    hold: Positive
    """Time between two draws [s]."""
    zero_probability: Unit
    """Share of draws that ask the robot to stand still."""
    ramp: NonNegative = 0.0
    """Time in which a command slides from one draw to the next [s]; 0 is a step."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for name in ("forward", "lateral", "yaw_rate"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name}: the lowest value {low} is above the highest {high}")
        if self.ramp > self.hold:
            raise ValueError(f"ramp: expected at most hold, {self.hold}, got {self.ramp}")
        return self


class GaitConfig(Model):
    """The phase clock that the policy sees and the foot-height reward follows."""

    frequency: Positive
    """Gait cycles (two steps) per second [Hz]."""
    swing_fraction: Annotated[float, Field(gt=0, lt=1)]
    """Share of a cycle that each foot spends in the air."""


class ResetConfig(Model):
    """How an episode starts: the home pose with noise."""

    joint_noise: NonNegative
    """Half-width of the uniform noise on joint angles [rad]."""
    velocity_noise: NonNegative
    """Half-width of the uniform noise on root and joint speeds [m/s, rad/s]."""


class ReferenceConfig(Model):
    """Reference motion: start states, the clock, and what style is compared with."""

    library: str
    """Folder of clips; `packaged` is the robot's own."""
    window: Count
    """Frames, at the control rate, that style is read from."""
    resets: Unit
    """Share of episodes that start inside a clip; the others start standing."""


class SolverConfig(Model):
    """MuJoCo's constraint solver."""

    iterations: Count
    """Newton iterations, at most."""
    ls_iterations: Count
    """Line-search iterations, at most."""
    tolerance: NonNegative
    """Stop when the scaled improvement falls below this."""


class MujocoConfig(SolverConfig):
    """The MuJoCo C engine."""

    threads: Annotated[int, Field(ge=0)] = 0
    """Threads that step the batch; 0 is one for each core."""


class MjxConfig(SolverConfig):
    """The MJX engine."""

    impl: Literal["auto", "jax", "warp"] = "auto"
    """Implementation behind MJX; `auto` is warp on an NVIDIA GPU where warp-lang is installed."""


class EnvConfig(Model):
    """Everything that defines the environment."""

    robot: str
    """Robot YAML: a path, or the name of a packaged one."""
    engine: EngineChoice
    """Physics engine; `auto` is MuJoCo C on a CPU and MJX on a GPU."""
    control_period: Positive
    """Time between two actions [s]."""
    substeps: Count
    """Physics steps in a control period."""
    episode_length: Positive
    """Time until an episode is cut off, which is not a failure [s]."""
    action_scale: Positive
    """Joint angle around the home pose for an action of 1 [rad]."""
    commands: CommandConfig
    """Velocity commands."""
    gait: GaitConfig
    """Phase clock."""
    resets: ResetConfig
    """Start states."""
    sensors: SensorConfig
    """Sensor faults."""
    randomization: RandomizationConfig
    """The robot, drawn for each episode."""
    delays: DelayConfig = DelayConfig()
    """Time that targets take."""
    pushes: PushConfig | None = None
    """Forces from outside."""
    dropout: DropoutConfig | None = None
    """Servos that take no targets for a while."""
    terrain: TerrainConfig | None = None
    """Ground; a level floor when there is none."""
    curriculum: CurriculumConfig | None = None
    """How training comes to the whole of commands and disturbances, if not at once."""
    reference: ReferenceConfig | None = None
    """Reference motion, if there is one; the phase clock then runs as the clips do."""
    observations: dict[str, ObservationTerm]
    """What the policy sees, in this order; only what the robot's own sensors give."""
    privileged: dict[str, PrivilegedTerm]
    """What the value function sees beside the policy's observations."""
    rewards: dict[str, RewardTerm]
    """Reward terms; their weighted sum, floored at zero, times the control period."""
    terminations: dict[str, TerminationTerm]
    """Failures that end an episode."""
    fall_penalty: NonNegative
    """Taken from the reward on a failure."""
    mujoco: MujocoConfig
    """Settings of the MuJoCo C engine."""
    mjx: MjxConfig
    """Settings of the MJX engine."""

    @model_validator(mode="after")
    def _episode_has_a_step(self) -> Self:
        shortest, got = self.control_period, self.episode_length
        if got < shortest:
            raise ValueError(
                f"episode_length: expected at least control_period, {shortest}, got {got}"
            )
        return self

    @classmethod
    def from_file(cls, name_or_path: str | Path, overrides: tuple[str, ...] = ()) -> "EnvConfig":
        """Load the environment part of a configuration; see `Config.from_file`."""
        from wildrobot_cli.config.schema import Config

        return Config.from_file(name_or_path, overrides).env

    def undisturbed(self) -> "EnvConfig":
        """The same environment with nothing random but start states, commands and phases."""
        changes: dict[str, Any] = {
            "sensors": SensorConfig(gyro_noise=0.0, tilt_noise=0.0),
            "randomization": RandomizationConfig(),
            "delays": DelayConfig(),
            "pushes": None,
            "dropout": None,
            "terrain": None,
            "curriculum": None,
        }
        return self.model_copy(update=changes)

    @property
    def timestep(self) -> float:
        """Time of a physics step [s]."""
        return self.control_period / self.substeps

    @property
    def episode_steps(self) -> int:
        """Control steps in a full episode."""
        return round(self.episode_length / self.control_period)
