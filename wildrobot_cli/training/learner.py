"""Proximal policy optimization, made of Brax's parts.

One call of `Learner.iterate` is Brax's `training_step`: from the same seed, environment and
hyperparameters it gives the same parameters as `brax.training.agents.ppo.train.train`. Unlike
Brax's, the whole state of learning is one value, so that a run can be saved and continued.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from brax.envs.base import State
from brax.envs.base import Wrapper as BatchedEnv
from brax.training import acting, types
from brax.training.acme import running_statistics, specs
from brax.training.agents.ppo import losses
from brax.training.agents.ppo import networks as ppo_networks
from flax import struct

from wildrobot_cli.config.learning import BatchConfig, PPOConfig
from wildrobot_cli.env.curriculum import curriculum_metrics
from wildrobot_cli.env.flight import Flight
from wildrobot_cli.training import amp as amp_module
from wildrobot_cli.training import devices
from wildrobot_cli.training.amp import Amp, AmpState
from wildrobot_cli.training.devices import Placement
from wildrobot_cli.training.iteration_metrics import Metrics, health, rollout_metrics
from wildrobot_cli.training.networks import make_networks

_EXTRA_FIELDS = ("truncation", "steps", "flight")
"""What an unroll must bring from the environment's info, style aside."""
_AMP_KEY = 2**30
"""Folded into a key; small numbers are what `jax.random.split` folds in for PPO."""


@struct.dataclass
class TrainingState:
    """Everything that the rest of a training depends on."""

    params: losses.PPONetworkParams
    """Policy and value networks."""
    normalizer: running_statistics.RunningStatisticsState
    """Running mean and variance of the observations."""
    optimizer: optax.OptState
    """Adam's moments and counters."""
    env: State
    """All environments."""
    key: jax.Array
    """Source of all later randomness."""
    iteration: jax.Array
    """Iterations done. Shape (), int32."""
    amp: AmpState | None = None
    """The discriminator, where style is learned."""


@struct.dataclass
class Recording:
    """What an iteration's unroll looked like, for when something went wrong in it."""

    flight: Flight
    """Every control step of every environment. Shapes (num_envs, unroll_length, ...)."""
    reward: jax.Array
    """Shape (num_envs, unroll_length)."""
    ended: jax.Array
    """Whether the step was its episode's last. Shape (num_envs, unroll_length)."""


class Learner:
    """PPO on a batched environment: `init` makes a state, `iterate` advances it."""

    def __init__(
        self,
        env: BatchedEnv,
        ppo: PPOConfig,
        batch: BatchConfig,
        iterations: int,
        placement: Placement | None = None,
        amp: Amp | None = None,
    ) -> None:
        """Prepare to train `env` (already wrapped) for `iterations` iterations.

        `placement` says over which devices to spread it; None is a single one. With `amp`, the
        environment must show the features of style; see `env.imitation`.
        """
        self.env = env
        self._ppo = ppo
        self._batch = batch
        self.networks = make_networks(env.unwrapped, ppo, batch)
        self._make_policy = ppo_networks.make_inference_fn(self.networks)
        self._optimizer = make_optimizer(ppo, iterations * ppo.epochs * batch.num_minibatches)
        self._loss = jax.value_and_grad(
            partial(
                losses.compute_ppo_loss,
                ppo_network=self.networks,
                entropy_cost=ppo.entropy,
                discounting=ppo.discount,
                reward_scaling=ppo.reward_scale,
                gae_lambda=ppo.gae_lambda,
                clipping_epsilon=ppo.clip,
                vf_coefficient=ppo.value_weight,
            ),
            has_aux=True,
        )
        self._amp = amp
        self.extra_fields = (*_EXTRA_FIELDS, *(amp_module.EXTRA_FIELDS if amp else ()))
        self._placement = placement
        self._places: Any = None
        self.init, self.iterate = self._jitted()
        self._program: Any = None

    def _jitted(self) -> tuple[Any, Any]:
        """`init` and `iterate`, compiled at their first call."""
        place = self._placement
        if place is None or place.mesh is None:
            return jax.jit(self._init), jax.jit(self._iterate, donate_argnums=0)
        self._places = place.of_state(jax.eval_shape(self._init, jax.random.PRNGKey(0)))
        outputs = (self._places, place.whole(), place.of_recording())
        return (
            jax.jit(self._init, out_shardings=self._places),
            jax.jit(self._iterate, donate_argnums=0, out_shardings=outputs),
        )

    def place(self, state: TrainingState) -> TrainingState:
        """Put a state that was read from a disk onto the devices."""
        if self._places is None:
            return jax.tree.map(jnp.asarray, state)
        return devices.put(state, self._places)

    def compiled(self, state: TrainingState) -> Any:
        """Return `iterate`, compiled once for states such as this one."""
        if self._program is None:
            self._program = self.iterate.lower(state).compile()
        return self._program

    @property
    def unroll_length(self) -> int:
        """Control steps of each environment in one iteration."""
        return self._batch.unroll_length

    @property
    def steps_per_iteration(self) -> int:
        """Control steps, over all environments, in one iteration."""
        return self._batch.num_envs * self._batch.unroll_length

    def _init(self, rng: jax.Array) -> TrainingState:
        """Draw networks and start all environments. Keys are split as Brax's trainer does."""
        global_key, local_key = jax.random.split(rng)
        local_key, key_env, _ = jax.random.split(jax.random.fold_in(local_key, 0), 3)
        key_policy, key_value = jax.random.split(global_key)
        epoch_key, _ = jax.random.split(local_key)
        env_state = self.env.reset(jax.random.split(key_env, self._batch.num_envs))
        params = losses.PPONetworkParams(
            policy=self.networks.policy_network.init(key_policy),
            value=self.networks.value_network.init(key_value),
        )
        shapes = jax.tree.map(
            lambda x: specs.Array(x.shape[-1:], jnp.dtype("float32")), env_state.obs
        )
        state = TrainingState(
            params=params,
            normalizer=running_statistics.init_state(shapes),
            optimizer=self._optimizer.init(params),
            env=env_state,
            key=jax.random.split(epoch_key, 1)[0],
            iteration=jnp.zeros((), jnp.int32),
            amp=self._amp.init(jax.random.fold_in(rng, _AMP_KEY)) if self._amp else None,
        )
        return _strongly_typed(state)

    def _iterate(self, state: TrainingState) -> tuple[TrainingState, Metrics, Recording]:
        """Collect one unroll of every environment, and learn from it."""
        key_sgd, key_unroll, key = jax.random.split(state.key, 3)
        env_state, data = self._collect(state, jax.random.split(key_unroll)[0])
        data, style_metrics = self._with_style(state, data)
        normalizer = running_statistics.update(state.normalizer, data.observation)
        optimizer, params, metrics = self._learn(state, normalizer, data, key_sgd)
        amp, amp_metrics = self._learn_style(state, data, key_sgd)
        after = TrainingState(
            params=params,
            normalizer=normalizer,
            optimizer=optimizer,
            env=env_state,
            key=key,
            iteration=state.iteration + 1,
            amp=amp,
        )
        flight = data.extras["state_extras"]["flight"]
        recording = Recording(flight, data.reward, data.discount == 0)
        metrics |= rollout_metrics(env_state, data)
        metrics |= health((params, amp and amp.params), normalizer)
        metrics |= style_metrics | amp_metrics
        metrics |= curriculum_metrics(env_state, self.env.unwrapped.dt)
        return _strongly_typed(after), metrics, recording

    def _collect(self, state: TrainingState, key: jax.Array) -> tuple[State, types.Transition]:
        """Act in every environment. Data has the shape (num_envs, unroll_length, ...)."""
        policy = self._make_policy((state.normalizer, state.params.policy, state.params.value))
        env_state, data = acting.generate_unroll(
            self.env, state.env, policy, key, self._batch.unroll_length, self.extra_fields
        )
        return env_state, jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), data)

    def _with_style(
        self, state: TrainingState, data: types.Transition
    ) -> tuple[types.Transition, Metrics]:
        """Mix style into the reward, by the discriminator as it was before this iteration."""
        if self._amp is None or state.amp is None:
            return data, {}
        return self._amp.reward(state.amp, data)

    def _learn_style(
        self, state: TrainingState, data: types.Transition, key: jax.Array
    ) -> tuple[AmpState | None, Metrics]:
        """Teach the discriminator what the policy looks like now."""
        if self._amp is None or state.amp is None:
            return None, {}
        return self._amp.update(state.amp, data, jax.random.fold_in(key, _AMP_KEY))

    def _learn(
        self, state: TrainingState, normalizer: Any, data: types.Transition, key: jax.Array
    ) -> tuple[Any, Any, Metrics]:
        """Pass over the data `epochs` times in shuffled minibatches."""
        data = _without_ballast(data)

        def epoch(carry: Any, _: None) -> tuple[Any, Metrics]:
            optimizer, params, key = carry
            key, key_order, key_loss = jax.random.split(key, 3)
            order = jax.random.permutation(key_order, self._batch.num_envs)
            order = order.reshape(self._batch.num_minibatches, -1)
            (optimizer, params, _), metrics = jax.lax.scan(
                partial(self._update, normalizer=normalizer, data=data),
                (optimizer, params, key_loss),
                order,
            )
            return (optimizer, params, key), metrics

        (optimizer, params, _), metrics = jax.lax.scan(
            epoch, (state.optimizer, state.params, key), None, length=self._ppo.epochs
        )
        return optimizer, params, {f"loss/{k}": jnp.mean(v) for k, v in metrics.items()}

    def _update(
        self, carry: Any, rows: jax.Array, normalizer: Any, data: types.Transition
    ) -> tuple[Any, Metrics]:
        """One gradient step, on the environments `rows`."""
        optimizer, params, key = carry
        key, key_loss = jax.random.split(key)
        minibatch = jax.tree.map(lambda leaf: leaf[rows], data)
        if self._placement is not None:
            minibatch = self._placement.split(minibatch)
        (_, metrics), gradient = self._loss(params, normalizer, minibatch, key_loss)
        updates, optimizer = self._optimizer.update(gradient, optimizer)
        return (optimizer, optax.apply_updates(params, updates), key), metrics


def make_optimizer(ppo: PPOConfig, updates: int) -> optax.GradientTransformation:
    """Adam with clipped gradients; its step size goes from first to last in `updates` steps."""
    rate: float | optax.Schedule
    first, last = ppo.learning_rate, ppo.final_learning_rate
    if first == last:
        rate = first
    elif ppo.learning_rate_decay == "exponential":
        rate = optax.exponential_decay(first, updates, last / first)
    else:
        rate = optax.linear_schedule(first, last, updates)
    return optax.chain(optax.clip_by_global_norm(ppo.max_grad_norm), optax.adam(rate))


def _without_ballast(data: types.Transition) -> types.Transition:
    """Keep what the loss reads: of the next observations it bootstraps from the last alone."""
    last = jax.tree.map(lambda x: x[:, -1:], data.next_observation)
    truncation = data.extras["state_extras"]["truncation"]
    extras = {**data.extras, "state_extras": {"truncation": truncation}}
    return data._replace(next_observation=last, extras=extras)


def _strongly_typed(tree: Any) -> Any:
    """Drop weak types: an input that differs in them from the last one compiles anew."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.result_type(leaf)), tree)
