"""Adversarial Motion Priors (Peng et al. 2021): reward for moving as the reference does.

A discriminator tells windows of reference motion from the policy's. The form is MimicKit's: binary
cross entropy, a penalty on the gradient with respect to the normalised input, and a reward from
the discriminator as it was before this iteration changed it.
"""

from functools import partial
from math import pi
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from brax.training import networks, types
from brax.training.acme import running_statistics, specs
from flax import struct

from wildrobot_cli.config.learning import AmpConfig, DiscriminatorConfig
from wildrobot_cli.env.reference import FEATURES, MOVING, PHASE, SPEED, Windows
from wildrobot_cli.training.histograms import Bins, shares

Metrics = dict[str, jax.Array]

EXTRA_FIELDS = (FEATURES, MOVING, SPEED, PHASE)
"""What an unroll must bring from the environment's info."""
SPREADS = {SPEED: Bins(0.0, 0.6, 12), PHASE: Bins(0.0, 2 * pi, 12)}
"""What is logged as histograms: how fast and where in their cycle both sides are [m/s, rad]."""
BINS = {f"amp/{name}_{side}": b for name, b in SPREADS.items() for side in ("fresh", "reference")}
"""The histograms among the metrics, by their names."""


class Demonstrations(NamedTuple):
    """Windows of reference motion."""

    windows: Windows
    """Those that are learned from."""
    held_out: np.ndarray
    """Windows that training never sees. Shape (R, d)."""
    names: tuple[str, ...]
    """Names of the features of a window's last frame, which stand at its end."""


@struct.dataclass
class AmpState:
    """Everything that the discriminator's future depends on."""

    params: Any
    """The discriminator's weights."""
    optimizer: optax.OptState
    """Adam's moments and counters."""
    normalizer: running_statistics.RunningStatisticsState
    """Running mean and variance of the features, reference and policy alike."""
    replay: jax.Array
    """Windows of earlier policies. Shape (replay, d)."""
    stored: jax.Array
    """Windows ever stored. Shape (), int32."""


class Amp:
    """The discriminator beside PPO: `init` makes its state, `reward` and `update` use it."""

    def __init__(
        self, config: AmpConfig, shape: DiscriminatorConfig, demonstrations: Demonstrations
    ) -> None:
        """Prepare to compare with demonstrations."""
        self._config = config
        self._shape = shape
        windows = demonstrations.windows
        self._demo = jnp.asarray(windows.features, jnp.float32)
        self._cumulative = jnp.asarray(np.cumsum(windows.probability), jnp.float32)
        self._spread = {
            name: shares(jnp.asarray(values), SPREADS[name], jnp.asarray(windows.probability))
            for name, values in ((SPEED, windows.speed), (PHASE, windows.phase))
        }
        self._held_out = jnp.asarray(demonstrations.held_out, jnp.float32)
        self._names = demonstrations.names
        self._network = networks.MLP(layer_sizes=(*shape.hidden, 1), activation=jax.nn.relu)
        self._optimizer = optax.adamw(config.learning_rate, weight_decay=config.weight_decay)

    def init(self, key: jax.Array) -> AmpState:
        """Draw weights; the features' statistics begin with the demonstrations'."""
        size = self._demo.shape[-1]
        params = self._network.init(key, jnp.zeros((1, size)))
        normalizer = running_statistics.init_state(specs.Array((size,), jnp.dtype("float32")))
        return AmpState(
            params=params,
            optimizer=self._optimizer.init(params),
            normalizer=running_statistics.update(normalizer, self._demo),
            replay=jnp.zeros((self._shape.replay, size)),
            stored=jnp.zeros((), jnp.int32),
        )

    def reward(self, state: AmpState, data: types.Transition) -> tuple[types.Transition, Metrics]:
        """Mix style into the task's reward; style is masked where the robot is to stand still."""
        config, extras = self._config, data.extras["state_extras"]
        logits = self._logits(state.params, self._normalized(state, extras[FEATURES]))
        style = style_reward(logits, config.reward_cap) * extras[MOVING]
        task_part = config.task_weight * data.reward
        style_part = config.style_weight * config.style_scale * style
        percentiles = jnp.percentile(style, jnp.asarray([10.0, 50.0, 90.0]))
        metrics = {
            "amp/task_reward": jnp.mean(task_part),
            "amp/style_reward": jnp.mean(style_part),
            **{f"amp/style_p{p}": v for p, v in zip((10, 50, 90), percentiles, strict=True)},
        }
        return data._replace(reward=task_part + style_part), metrics

    def update(
        self, state: AmpState, data: types.Transition, key: jax.Array
    ) -> tuple[AmpState, Metrics]:
        """Learn to tell reference from policy, on equal parts of reference, fresh and replayed."""
        extras = data.extras["state_extras"]
        fresh = extras[FEATURES].reshape(-1, extras[FEATURES].shape[-1])
        key_store, key_learn, key_look = jax.random.split(key, 3)
        state = self._stored(state, fresh, key_store)
        keys = jax.random.split(key_learn, self._shape.updates)
        state, metrics = jax.lax.scan(partial(self._step, fresh=fresh), state, keys)
        metrics = jax.tree.map(jnp.mean, metrics) | self._diagnose(state, fresh, key_look)
        for name, bins in SPREADS.items():
            metrics[f"amp/{name}_fresh"] = shares(extras[name], bins)
            metrics[f"amp/{name}_reference"] = self._spread[name]
        return state, metrics

    def _stored(self, state: AmpState, fresh: jax.Array, key: jax.Array) -> AmpState:
        """Put some of the fresh windows into the replay, over the oldest."""
        count = min(self._shape.batch, self._shape.replay)
        chosen = fresh[jax.random.randint(key, (count,), 0, len(fresh))]
        places = (state.stored + jnp.arange(count)) % self._shape.replay
        replay = state.replay.at[places].set(chosen)
        return state.replace(replay=replay, stored=state.stored + count)  # type: ignore[attr-defined]

    def _step(self, state: AmpState, key: jax.Array, fresh: jax.Array) -> tuple[AmpState, Metrics]:
        """One gradient step."""
        demo, new, old = self._batch(state, fresh, key)
        both = jnp.concatenate([demo, new])
        normalizer = running_statistics.update(state.normalizer, both)
        state = state.replace(normalizer=normalizer)  # type: ignore[attr-defined]
        demo, new, old = (self._normalized(state, x) for x in (demo, new, old))
        gradient, metrics = jax.grad(self._loss, has_aux=True)(state.params, demo, new, old)
        updates, optimizer = self._optimizer.update(gradient, state.optimizer, state.params)
        params = optax.apply_updates(state.params, updates)
        return state.replace(params=params, optimizer=optimizer), metrics  # type: ignore[attr-defined]

    def _batch(
        self, state: AmpState, fresh: jax.Array, key: jax.Array
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Draw demonstrations, fresh windows and replayed ones. Shapes (batch, d)."""
        keys, count = jax.random.split(key, 3), (self._shape.batch,)
        uniform = jax.random.uniform(keys[0], count) * self._cumulative[-1]
        demo = jnp.minimum(jnp.searchsorted(self._cumulative, uniform), len(self._demo) - 1)
        new = jax.random.randint(keys[1], count, 0, len(fresh))
        filled = jnp.minimum(state.stored, self._shape.replay)
        old = jax.random.randint(keys[2], count, 0, filled)
        return self._demo[demo], fresh[new], state.replay[old]

    def _loss(
        self, params: Any, demo: jax.Array, new: jax.Array, old: jax.Array
    ) -> tuple[jax.Array, Metrics]:
        """Binary cross entropy with penalties; inputs are normalised. Means, not sums."""
        config, policy = self._config, jnp.concatenate([new, old])
        on_demo, demo_slope = self._logits_and_slopes(params, demo)
        on_policy, policy_slope = self._logits_and_slopes(params, policy)
        told = 0.5 * (jnp.mean(jax.nn.softplus(-on_demo)) + jnp.mean(jax.nn.softplus(on_policy)))
        slope = 0.5 * (jnp.mean(demo_slope) + jnp.mean(policy_slope))
        last = params["params"][f"hidden_{len(self._shape.hidden)}"]["kernel"]
        loss = told + config.gradient_penalty * slope
        loss += config.logit_penalty * jnp.sum(last**2)
        return loss, {"loss/discriminator": told, "amp/gradient_penalty": slope}

    def _logits(self, params: Any, inputs: jax.Array) -> jax.Array:
        """How sure the discriminator is of reference. Shape (..., d) -> (...,)."""
        return self._network.apply(params, inputs)[..., 0]

    def _logits_and_slopes(self, params: Any, inputs: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Logits, and squared lengths of their gradients by the inputs. Shapes (count,)."""
        value = jax.vmap(jax.value_and_grad(lambda x: self._logits(params, x)))
        logits, slopes = value(inputs)
        return logits, jnp.sum(slopes**2, axis=-1)

    def _normalized(self, state: AmpState, features: jax.Array) -> jax.Array:
        limit = self._config.feature_limit
        return running_statistics.normalize(features, state.normalizer, max_abs_value=limit)

    def _diagnose(self, state: AmpState, fresh: jax.Array, key: jax.Array) -> Metrics:
        """What the discriminator says of each kind, and which single feature gives it away."""
        demo, new, old = self._batch(state, fresh, key)
        kinds = {"reference": demo, "fresh": new, "replayed": old, "held_out": self._held_out}
        metrics: Metrics = {}
        for kind, windows in kinds.items():
            if not len(windows):
                continue
            logits = self._logits(state.params, self._normalized(state, windows))
            right = logits > 0 if kind in ("reference", "held_out") else logits < 0
            metrics[f"amp/accuracy_{kind}"] = jnp.mean(right)
            metrics[f"amp/logit_{kind}"] = jnp.mean(logits)
            metrics[f"amp/logit_std_{kind}"] = jnp.std(logits)
        last = -len(self._names)
        areas = jax.vmap(area_under_curve, in_axes=1)(demo[:, last:], new[:, last:])
        areas = jnp.maximum(areas, 1.0 - areas)
        return metrics | {f"amp/auc_{n}": a for n, a in zip(self._names, areas, strict=True)}


def style_reward(logits: jax.Array, cap: float) -> jax.Array:
    """2 min(softplus(logit), cap): -2 log(1 - D) for targets 0 and 1, bounded. Shape (...,)."""
    return 2.0 * jnp.minimum(jax.nn.softplus(logits), cap)


def area_under_curve(ours: jax.Array, theirs: jax.Array) -> jax.Array:
    """Probability that one of ours is above one of theirs; samples of one size.

    The area under the receiver operating characteristic, by the rank sum. Shapes (k,), (k,) -> ().
    """
    count = len(ours)
    order = jnp.argsort(jnp.concatenate([ours, theirs]))
    ranks = jnp.zeros(2 * count).at[order].set(jnp.arange(1.0, 2 * count + 1))
    return (jnp.sum(ranks[:count]) - count * (count + 1) / 2) / (count * count)
