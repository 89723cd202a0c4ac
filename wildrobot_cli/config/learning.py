"""The learner's part of a configuration: PPO, style, and their shapes on a machine."""

from typing import Literal, Self

from pydantic import model_validator

from wildrobot_cli.config.base import Count, Model, NonNegative, Positive, Unit, Widths


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
    """Adam's step size at the end."""
    learning_rate_decay: Literal["linear", "exponential"] = "linear"
    """How the step size gets there: by equal differences, or by equal factors."""
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
    symmetric: bool = False
    """Whether both networks see the right foot's half of the gait cycle in a mirror."""
    mujoco: BatchConfig
    """Shapes on the MuJoCo C engine."""
    mjx: BatchConfig
    """Shapes on the MJX engine."""

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.learning_rate_decay == "exponential" and not self.final_learning_rate:
            raise ValueError("final_learning_rate must be above 0: equal factors never reach it")
        return self


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
