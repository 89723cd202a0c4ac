"""Training's wrappers: ended episodes restart from a bank that is kept fresh, others go on."""

import inspect
import logging
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brax import envs
from puppet import SETTINGS, PuppetEngine, put

from wildrobot_cli import EnvConfig, WildRobotEnv, wrap_for_training
from wildrobot_cli.env.wrappers import PARTS, REFRESH_EVERY, bank_size

NUM, LENGTH = 8, 5
BANK_SIZE = 64
REFRESH_COUNT = BANK_SIZE // PARTS
IDLE = jnp.zeros((NUM, 11))
KEYS = jax.random.split(jax.random.PRNGKey(3), NUM)
WIDE = ("friction", "mass", "damping", "gain", "torque_limit")


@pytest.fixture(scope="module")
def wrapped(robot):
    """Eight puppets that randomize everything, in episodes of five steps: reset, step."""
    ranges = tuple(f"env.randomization.{name}=[0.8, 1.2]" for name in WIDE)
    config = EnvConfig.from_file("ppo.yaml", (*SETTINGS, *ranges))
    env = WildRobotEnv(config, PuppetEngine(robot, config.control_period))
    wrapped = wrap_for_training(env, LENGTH)
    return jax.jit(wrapped.reset), jax.jit(wrapped.step)


@pytest.fixture(scope="module")
def first(wrapped):
    """A batch as a reset gives it."""
    return wrapped[0](KEYS)


@pytest.fixture(scope="module")
def start(first):
    """The same, with all episodes at their beginning."""
    ages = jnp.zeros_like(first.info["steps"])
    return first.replace(info={**first.info, "steps": ages})


@pytest.fixture
def advance(wrapped):
    """Some steps on from a state, without actions."""

    def steps(state, count=1):
        for _ in range(count):
            state = wrapped[1](state, IDLE)
        return state

    return steps


def felled(state, index):
    """The state with one robot on the ground."""
    return put(state, qpos=lambda q: q.at[index, 2].set(0.1))


def rows(tree, index):
    return jax.tree.map(lambda leaf: np.asarray(leaf)[index], tree)


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def place_in_bank(state, index) -> int:
    """Which of the bank's starts an environment stands in, having checked that it is all there."""
    starts, obs = state.info["bank"]["starts"]
    phases = np.asarray(starts.phase)
    (places,) = np.nonzero(phases == np.asarray(state.pipeline_state.phase)[index])
    assert len(places) > 0
    assert_same(rows((state.pipeline_state, state.obs), index), rows((starts, obs), places[0]))
    return int(places[0])


# --- restarts


def test_ages_start_anywhere_in_an_episode(first):
    ages = np.asarray(first.info["steps"])
    assert ((ages >= 0) & (ages < LENGTH)).all()
    assert len(set(ages)) > 2


def test_ended_episode_restarts_from_the_bank_and_the_others_go_on(advance, start):
    state = advance(start)
    calm, after = advance(state), advance(felled(state, 2))
    np.testing.assert_array_equal(after.done, np.arange(NUM) == 2)
    place_in_bank(after, 2)
    others = np.arange(NUM) != 2
    everything = ("pipeline_state", "obs", "reward", "done", "metrics")
    for name in everything:
        assert_same(rows(getattr(after, name), others), rows(getattr(calm, name), others))


def test_reward_of_the_last_step_is_the_old_episodes(advance, start):
    after = advance(felled(start, 2))
    assert after.reward[2] < 0
    assert after.metrics["fall"][2] == 1


def test_step_counter_starts_anew(advance, start):
    state = advance(felled(advance(start, 2), 2))
    np.testing.assert_array_equal(state.info["steps"], 3)
    state = advance(state)
    np.testing.assert_array_equal(state.info["steps"], np.where(np.arange(NUM) == 2, 1, 4))
    np.testing.assert_array_equal(state.done, 0)
    times = state.pipeline_state.physics.time
    np.testing.assert_allclose(times, 0.02 * np.where(np.arange(NUM) == 2, 1, 4), rtol=1e-5)


def test_timeout_is_a_truncation_and_a_fall_is_none(advance, start):
    state = advance(start, LENGTH - 1)
    np.testing.assert_array_equal(state.done, 0)
    state = advance(felled(state, 5))
    np.testing.assert_array_equal(state.done, 1)
    np.testing.assert_array_equal(state.info["truncation"], np.arange(NUM) != 5)
    np.testing.assert_array_equal(state.metrics["fall"], np.arange(NUM) == 5)
    assert (np.delete(np.asarray(state.reward), 5) >= 0).all()
    after = advance(state)
    np.testing.assert_array_equal(after.info["truncation"], 0)
    np.testing.assert_array_equal(after.done, 0)


def test_early_fall_is_no_truncation(advance, start):
    state = advance(felled(start, 0))
    assert (state.done[0], state.info["truncation"][0]) == (1, 0)


def test_restarts_draw_from_the_whole_bank(advance, start):
    state, places = advance(start, 16 * REFRESH_EVERY), []
    for _ in range(12):
        state = advance(state, LENGTH)
        assert state.done.all()
        places.append([place_in_bank(state, index) for index in range(NUM)])
    assert all(now != then for now, then in pairwise(places))
    assert len(np.unique(places)) > BANK_SIZE // 2


def test_episode_metrics_sum_each_term_over_an_episode(advance, start):
    for _ in range(2):
        state, sums = start, dict.fromkeys(start.metrics, 0.0)
        reward = np.zeros(NUM)
        for _ in range(LENGTH):
            state = advance(state)
            sums = {name: sums[name] + np.asarray(state.metrics[name]) for name in sums}
            reward += np.asarray(state.reward)
        totals = state.info["episode_metrics"]
        np.testing.assert_allclose(totals["sum_reward"], reward, rtol=1e-5)
        np.testing.assert_array_equal(totals["length"], LENGTH)
        for name, value in sums.items():
            np.testing.assert_allclose(totals[name], value, rtol=1e-4, atol=1e-7, err_msg=name)
        start = state


# --- the bank


@pytest.mark.parametrize(("count", "size"), [(1, 64), (512, 64), (520, 64), (4096, 512)])
def test_bank_grows_with_the_batch(robot, count, size):
    """Else most of many environments would restart as the same few robots."""
    config = EnvConfig.from_file("ppo.yaml", SETTINGS)
    env = WildRobotEnv(config, PuppetEngine(robot, config.control_period))
    keys = jax.ShapeDtypeStruct((count, 2), jnp.uint32)
    bank = jax.eval_shape(wrap_for_training(env, LENGTH).reset, keys).info["bank"]
    assert bank_size(bank) == size


def test_bank_begins_with_the_first_states(start):
    starts, obs = start.info["bank"]["starts"]
    first = np.arange(BANK_SIZE) % NUM
    assert_same((starts, obs), rows((start.pipeline_state, start.obs), first))


def test_bank_is_refreshed_a_part_at_a_time(advance, start):
    state, old = start, start.info["bank"]["starts"]
    for part in range(BANK_SIZE // REFRESH_COUNT):
        state = advance(state, REFRESH_EVERY - 1)
        assert_same(state.info["bank"]["starts"], old)
        state = advance(state)
        new = state.info["bank"]["starts"]
        fresh = np.zeros(BANK_SIZE, bool)
        fresh[part * REFRESH_COUNT : (part + 1) * REFRESH_COUNT] = True
        assert_same(rows(new, ~fresh), rows(old, ~fresh))
        assert (rows(new[0].phase, fresh) != rows(old[0].phase, fresh)).all()
        old = new
    assert len(np.unique(old[0].phase)) == BANK_SIZE
    assert len(np.unique(np.asarray(old[0].schedule)[:, 0, 0])) == BANK_SIZE
    state = advance(state, REFRESH_EVERY)
    changed = np.asarray(state.info["bank"]["starts"][0].phase != old[0].phase)
    np.testing.assert_array_equal(np.flatnonzero(changed), np.arange(REFRESH_COUNT))


def test_bank_draws_with_a_key_that_no_environment_has(start):
    used = [KEYS]
    for count in (6, 2):
        used.append(np.concatenate([jax.random.split(key, count) for key in used[-1]]))
    mine = np.asarray(start.info["bank"]["rng"])
    assert not (np.concatenate(used) == mine).all(axis=-1).any()


def test_step_is_pure(wrapped, start):
    state = felled(start, 1)
    assert_same(wrapped[1](state, IDLE), wrapped[1](state, IDLE))


def test_environments_keep_their_own_noise(advance, start):
    state = advance(start, LENGTH + 1)
    assert len(np.unique(np.asarray(state.info["rng"]), axis=0)) == NUM


# --- parameters


def test_parameters_are_kept_for_an_episode_and_renewed_after(advance, start):
    params = start.pipeline_state.params
    assert len(np.unique(np.asarray(params["body_mass"])[:, 1])) == NUM
    state = advance(start, LENGTH - 1)
    assert_same(state.pipeline_state.params, params)
    state = advance(state)
    starts, _ = state.info["bank"]["starts"]
    for index in range(NUM):
        place = place_in_bank(state, index)
        assert_same(rows(state.pipeline_state.params, index), rows(starts.params, place))
    later = advance(state, 10 * REFRESH_EVERY).pipeline_state.params
    for name, value in later.items():
        assert (value != params[name]).any(), name


# --- the interface


def test_nothing_is_compiled_after_the_first_step(wrapped, start, caplog):
    state = wrapped[1](start, IDLE)
    with jax.log_compiles(), caplog.at_level(logging.WARNING):
        for _ in range(2 * REFRESH_EVERY):
            state = wrapped[1](state, IDLE)
    assert [r.getMessage() for r in caplog.records if "ompiling" in r.getMessage()] == []


def test_signature_is_the_one_of_braxs_wrapper():
    ours, theirs = (
        inspect.signature(f).parameters for f in (wrap_for_training, envs.training.wrap)
    )
    assert list(ours) == list(theirs)
    assert ours["action_repeat"].default == theirs["action_repeat"].default


def test_randomization_from_outside_is_refused(env):
    with pytest.raises(ValueError) as error:
        wrap_for_training(env, 10, randomization_fn=lambda *args: args)
    expected = "the environment draws its own model parameters; see env.randomization"
    assert str(error.value) == expected
