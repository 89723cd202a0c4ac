"""The configuration, as frozen typed models: what can be set, its type, its unit, its range.

The string under a field is its documentation. Numbers with a unit live in YAML; only fields
that every configuration shares have a default here.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Unit = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Range = tuple[float, float]
Widths = Annotated[tuple[Count, ...], Field(min_length=1)]
EngineChoice = Literal["auto", "mujoco", "mjx"]
EngineName = Literal["mujoco", "mjx"]


class Model(BaseModel):
    """Base of all configuration models: frozen, no unknown keys, no silent conversion."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        strict=True,
    )


class Term(Model):
    """One named term: its weight, and the parameters of the function of that name."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    @property
    def parameters(self) -> dict[str, Any]:
        """The function's own parameters: everything beside the declared fields."""
        return dict(self.model_extra or {})


class RewardTerm(Term):
    """A reward term of `env/rewards.py`, by name."""

    weight: float
    """Factor of the term in the summed reward [1/s]."""


class ObservationTerm(Term):
    """An observation term of `runtime/observations.py` (policy) or `env/privileged.py` (value)."""

    scale: float = 1.0
    """Factor on the term's values."""


class TerminationTerm(Term):
    """A termination term of `env/terminations.py`, by name."""


class CommandConfig(Model):
    """What the robot is asked to do, drawn anew every `hold` seconds."""

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

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for name in ("forward", "lateral", "yaw_rate"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name}: the lowest value {low} is above the highest {high}")
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


class SensorConfig(Model):
    """What the sensors get wrong. Encoder resolution is the robot's, in its YAML."""

    gyro_noise: NonNegative
    """Standard deviation of the angular velocity reading [rad/s]."""
    tilt_noise: NonNegative
    """Standard deviation of the up vector's components [-]."""


class RandomizationConfig(Model):
    """Per-episode draws of model parameters, as factors of the robot's own values."""

    friction: Range = (1.0, 1.0)
    """Factor on contact friction."""
    mass: Range = (1.0, 1.0)
    """Factor on each body's mass and inertia."""
    damping: Range = (1.0, 1.0)
    """Factor on each joint's damping."""
    gain: Range = (1.0, 1.0)
    """Factor on each servo's position gain."""
    torque_limit: Range = (1.0, 1.0)
    """Factor on each servo's torque limit."""

    @model_validator(mode="after")
    def _factors(self) -> Self:
        for name in type(self).model_fields:
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name}: expected 0 < lowest <= highest, got {low}, {high}")
        return self


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
    """Model parameters drawn for each episode."""
    reference: ReferenceConfig | None = None
    """Reference motion, if there is one; the phase clock then runs as the clips do."""
    observations: dict[str, ObservationTerm]
    """What the policy sees, in this order; only what the robot's own sensors give."""
    privileged: dict[str, ObservationTerm]
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

    @classmethod
    def from_file(cls, name_or_path: str | Path, overrides: tuple[str, ...] = ()) -> "EnvConfig":
        """Load the environment part of a configuration; see `Config.from_file`."""
        return Config.from_file(name_or_path, overrides).env

    @property
    def episode_steps(self) -> int:
        """Control steps in a full episode."""
        return round(self.episode_length / self.control_period)


class BatchConfig(Model):
    """What of the training depends on the machine's shape."""

    num_envs: Count
    """Environments stepped together."""
    unroll_length: Count
    """Control steps of each environment in a training iteration."""
    num_minibatches: Count
    """Parts that an iteration's data is split into for gradient steps."""
    policy_hidden: Widths
    """Hidden layer widths of the policy network."""
    value_hidden: Widths
    """Hidden layer widths of the value network."""

    @model_validator(mode="after")
    def _divisible(self) -> Self:
        if self.num_envs % self.num_minibatches:
            raise ValueError(
                f"num_envs ({self.num_envs}) must be a multiple of "
                f"num_minibatches ({self.num_minibatches})"
            )
        return self


class PPOConfig(Model):
    """Proximal policy optimization (Schulman et al. 2017), Brax's form."""

    steps: Count
    """Control steps to train for, over all environments."""
    episode_length: Positive
    """Age at which training starts an episode anew, which is not a failure [s]."""
    epochs: Count
    """Passes over each iteration's data."""
    learning_rate: Positive
    """Adam's step size at the start."""
    final_learning_rate: NonNegative
    """Adam's step size at the last iteration; linear in between."""
    discount: Unit
    """Discount of future reward for each control step."""
    gae_lambda: Unit
    """Lambda of generalized advantage estimation."""
    clip: Positive
    """Clipping range of the probability ratio."""
    entropy: NonNegative
    """Weight of the entropy bonus."""
    value_weight: NonNegative
    """Weight of the value loss."""
    max_grad_norm: Positive
    """Gradients are scaled down to this norm."""
    reward_scale: Positive
    """Factor on the reward inside the loss."""
    normalize_observations: bool
    """Whether observations are normalised by running statistics."""
    mujoco: BatchConfig
    """Shapes on the MuJoCo C engine."""
    mjx: BatchConfig
    """Shapes on the MJX engine."""


class DiscriminatorConfig(Model):
    """What of the discriminator depends on the machine."""

    hidden: Widths
    """Hidden layer widths."""
    replay: Count
    """Windows of earlier policies that are kept."""
    batch: Count
    """Windows of each kind (reference, fresh, replayed) in a gradient step."""
    updates: Count
    """Gradient steps in a training iteration."""


class AmpConfig(Model):
    """Adversarial Motion Priors (Peng et al. 2021), MimicKit's form."""

    task_weight: NonNegative
    """Weight of the task's reward."""
    style_weight: NonNegative
    """Weight of the style reward."""
    style_scale: Positive
    """Brings the style reward, 1.4 where the discriminator is undecided, to the task's size."""
    reward_cap: Positive
    """Largest softplus of a logit that is rewarded."""
    learning_rate: Positive
    """Adam's step size."""
    weight_decay: NonNegative
    """Adam's weight decay."""
    gradient_penalty: NonNegative
    """Weight of the squared gradient by the normalised input."""
    logit_penalty: NonNegative
    """Weight of the squared weights of the last layer."""
    feature_limit: Positive
    """Normalised features are clipped here."""
    mujoco: DiscriminatorConfig
    """Shapes on the MuJoCo C engine."""
    mjx: DiscriminatorConfig
    """Shapes on the MJX engine."""


class CheckpointConfig(Model):
    """When a run is saved, and how much of it is kept."""

    every_seconds: Positive
    """Time between two checkpoints [s]."""
    every_iterations: Count | None = None
    """Iterations between two checkpoints, if that is sooner."""
    keep: Count
    """How many of the newest are kept, beside the best."""
    rollouts: Annotated[int, Field(ge=0)]
    """Rollouts that score each checkpoint, to tell which is the best; 0 is no score."""
    rollout_length: Positive
    """Length of each of them [s]."""


class EvalConfig(Model):
    """The evaluation at the end of training."""

    episodes: Count
    """Rollouts of one full episode each."""
    min_success_rate: Unit
    """Gate: the share of rollouts that must last the whole episode."""


class Config(Model):
    """A whole configuration file."""

    seed: Annotated[int, Field(ge=0, lt=2**31)]
    """Seed of everything random."""
    env: EnvConfig
    """The environment."""
    ppo: PPOConfig
    """The learner."""
    amp: AmpConfig | None = None
    """Style from reference motion, if it is to be learned."""
    checkpoints: CheckpointConfig
    """Saving."""
    eval: EvalConfig
    """Measuring."""

    @model_validator(mode="after")
    def _style_has_reference(self) -> Self:
        if self.amp is not None and self.env.reference is None:
            raise ValueError("amp: needs reference motion: set env.reference")
        return self

    @classmethod
    def from_file(cls, name_or_path: str | Path, overrides: tuple[str, ...] = ()) -> "Config":
        """Load a configuration from a path, or by name among the packaged ones.

        Args:
            name_or_path: a YAML file, or the name of a packaged one, `.yaml` optional.
            overrides: assignments such as `ppo.steps=100000`, applied in order.

        Raises:
            ConfigError: naming the file, the key path, what was expected and what was found.
        """
        from wildrobot_cli.config.loader import load

        return load(cls, name_or_path, overrides)
