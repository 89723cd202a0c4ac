"""The discriminator does what MimicKit's does; each known way to get it wrong would show."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brax.training import types

from wildrobot_cli.config.learning import AmpConfig, DiscriminatorConfig
from wildrobot_cli.env.reference import Windows
from wildrobot_cli.training.amp import (
    Amp,
    Demonstrations,
    area_under_curve,
    style_reward,
)

SIZE, COUNT = 6, 400
SHAPE = DiscriminatorConfig(hidden=(16,), replay=300, batch=64, updates=2)
CONFIG = AmpConfig(
    task_weight=0.5,
    style_weight=0.5,
    style_scale=0.1,
    reward_cap=9.21,
    learning_rate=1e-2,
    weight_decay=0.0,
    gradient_penalty=1.0,
    logit_penalty=0.01,
    feature_limit=10.0,
    mujoco=SHAPE,
    mjx=SHAPE,
)


def demonstrations(center=1.0):
    rng = np.random.default_rng(0)
    features = center + 0.3 * rng.normal(size=(COUNT, SIZE))
    even, spread = np.full(COUNT, 1 / COUNT), np.linspace(0.1, 0.4, COUNT)
    windows = Windows(features, even, speed=spread, phase=2 * np.pi * spread)
    return Demonstrations(windows, features[:50], names=("height", "tilt"))


def unroll(features, reward=1.0, moving=1.0):
    """An unroll of 8 environments and 5 steps that showed the same features everywhere."""
    shape = (8, 5)
    extras = {
        "style": jnp.broadcast_to(jnp.asarray(features, jnp.float32), (*shape, SIZE)),
        "moving": jnp.full(shape, moving),
        "speed": jnp.full(shape, 0.22),
        "phase": jnp.full(shape, 3.0),
    }
    nothing = jnp.zeros(shape)
    reward = jnp.full(shape, reward)
    return types.Transition(nothing, nothing, reward, nothing, nothing, {"state_extras": extras})


@pytest.fixture(scope="module")
def amp():
    return Amp(CONFIG, SHAPE, demonstrations())


@pytest.fixture(scope="module")
def taught(amp):
    """A discriminator after 200 updates against a policy that moves wrongly."""
    state = amp.init(jax.random.PRNGKey(0))
    update = jax.jit(amp.update)
    for i in range(200):
        state, metrics = update(state, unroll(np.full(SIZE, -1.0)), jax.random.PRNGKey(i))
    return state, metrics


def mean_reward(amp, state, features, **kwargs):
    data, _ = amp.reward(state, unroll(features, **kwargs))
    return float(data.reward.mean())


def test_style_like_the_references_is_rewarded_and_other_is_not(amp, taught):
    state, metrics = taught
    like, unlike = (mean_reward(amp, state, np.full(SIZE, x), reward=0.0) for x in (1.0, -1.0))
    assert like > 3 * unlike
    for kind in ("reference", "fresh", "replayed", "held_out"):
        assert metrics[f"amp/accuracy_{kind}"] > 0.95
    assert metrics["amp/logit_reference"] > 0 > metrics["amp/logit_fresh"]


def test_without_clips_held_out_nothing_is_said_of_them():
    shown = demonstrations()._replace(held_out=np.zeros((0, SIZE)))
    amp = Amp(CONFIG, SHAPE, shown)
    state = amp.init(jax.random.PRNGKey(0))
    _, metrics = amp.update(state, unroll(np.ones(SIZE)), jax.random.PRNGKey(0))
    assert not [name for name in metrics if "held_out" in name]
    assert np.isfinite(metrics["amp/accuracy_reference"])


def test_reward_goes_with_the_loss():
    """Targets 0 and 1 with the reward of targets -1 and 1 would fail here: -log(1 - D) is it."""
    logits = jnp.linspace(-5, 5, 11)
    probability = jax.nn.sigmoid(logits)
    np.testing.assert_allclose(style_reward(logits, 99.0), -2 * jnp.log(1 - probability), rtol=1e-4)
    assert float(style_reward(jnp.array(50.0), 9.21)) == pytest.approx(18.42)


def test_reward_is_of_the_discriminator_before_its_update(amp, monkeypatch):
    """The learner asks for rewards with the state that the iteration began with."""
    from wildrobot_cli.training import learner

    order = []

    class Spy:
        def reward(self, state, data):
            order.append(("reward", state))
            return data, {}

        def update(self, state, data, key):
            order.append(("update", state))
            return "after", {}

    made = learner.Learner.__new__(learner.Learner)
    made._amp = Spy()
    begun = type("State", (), {"amp": "before"})()
    data, _ = made._with_style(begun, "data")
    after, _ = made._learn_style(begun, data, jax.random.PRNGKey(0))
    assert order == [("reward", "before"), ("update", "before")]
    assert after == "after"


def test_style_is_masked_where_the_robot_is_to_stand(amp, taught):
    state, _ = taught
    standing = mean_reward(amp, state, np.ones(SIZE), moving=0.0)
    assert standing == pytest.approx(CONFIG.task_weight * 1.0)
    assert mean_reward(amp, state, np.ones(SIZE)) > standing


def test_histograms_tell_speeds_that_do_not_match(taught):
    """The policy walks at one speed, the reference at all from 0.1 to 0.4 m/s."""
    _, metrics = taught
    fresh, reference = metrics["amp/speed_fresh"], metrics["amp/speed_reference"]
    np.testing.assert_allclose(fresh, np.eye(12)[4], atol=1e-6)
    np.testing.assert_allclose(reference[2:8], 1 / 6, atol=0.01)
    np.testing.assert_allclose(metrics["amp/phase_fresh"], np.eye(12)[5], atol=1e-6)


def test_one_normaliser_sees_both_sides(amp):
    """Statistics of one side alone would leave the other's mean where it was."""
    state = amp.init(jax.random.PRNGKey(0))
    before = np.asarray(state.normalizer.mean)
    np.testing.assert_allclose(before, demonstrations().windows.features.mean(axis=0), atol=1e-4)
    after, _ = amp.update(state, unroll(np.full(SIZE, -1.0)), jax.random.PRNGKey(0))
    moved = np.asarray(after.normalizer.mean)
    assert (moved < before).all()
    new = SHAPE.updates * SHAPE.batch
    demo = COUNT * before + new * 1.0
    expected = (demo - new) / (COUNT + 2 * new)
    np.testing.assert_allclose(moved, expected, atol=0.1)


def test_replay_keeps_the_newest_windows_and_no_empty_ones(amp):
    state = amp.init(jax.random.PRNGKey(0))
    update = jax.jit(amp.update)
    state, _ = update(state, unroll(np.full(SIZE, 5.0)), jax.random.PRNGKey(0))
    assert int(state.stored) == SHAPE.batch
    assert (np.asarray(state.replay[: SHAPE.batch]) == 5.0).all()
    _, _, old = amp._batch(state, jnp.zeros((4, SIZE)), jax.random.PRNGKey(1))
    assert (np.asarray(old) == 5.0).all(), "empty places were drawn"
    for i in range(6):
        state, _ = update(state, unroll(np.full(SIZE, 7.0)), jax.random.PRNGKey(i))
    assert (np.asarray(state.replay) == 7.0).all()


def test_gradient_penalty_is_by_the_normalised_input(amp):
    state = amp.init(jax.random.PRNGKey(0))
    inputs = jax.random.normal(jax.random.PRNGKey(1), (5, SIZE))
    _, slopes = amp._logits_and_slopes(state.params, inputs)
    nudge = 1e-3 * jnp.eye(SIZE)
    for row, slope in zip(inputs, slopes, strict=True):
        up, down = amp._logits(state.params, row + nudge), amp._logits(state.params, row - nudge)
        assert float(slope) == pytest.approx(float(jnp.sum(((up - down) / 2e-3) ** 2)), rel=0.05)


@pytest.mark.parametrize(
    ("ours", "theirs", "area"),
    [([3.0, 4.0], [1.0, 2.0], 1.0), ([1.0, 2.0], [3.0, 4.0], 0.0), ([1.0, 4.0], [2.0, 3.0], 0.5)],
)
def test_area_under_curve_is_hand_computed(ours, theirs, area):
    assert float(area_under_curve(jnp.array(ours), jnp.array(theirs))) == area


def test_feature_that_gives_the_policy_away_is_named(amp):
    features = demonstrations().windows.features.mean(axis=0)
    features[-1] = -5.0
    _, metrics = amp.update(
        amp.init(jax.random.PRNGKey(0)), unroll(features), jax.random.PRNGKey(0)
    )
    assert metrics["amp/auc_tilt"] == 1.0
    assert metrics["amp/auc_height"] < 0.8
