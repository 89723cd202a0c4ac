"""A policy that sees earlier control steps, too: of this episode, and of no other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from puppet import SETTINGS, PuppetEngine, put

from wildrobot_cli import EnvConfig, WildRobotEnv, wrap_for_training
from wildrobot_cli.errors import ConfigError

TERMS = "env.observations={phase: {}, joint_positions: {scale: 2.0, history: 2}, last_action: {}}"
NUM = 2
NOW, EARLIER = slice(2, 13), slice(13, 35)


@pytest.fixture(scope="module")
def env(robot):
    config = EnvConfig.from_file("ppo.yaml", (*SETTINGS, TERMS))
    return WildRobotEnv(config, PuppetEngine(robot, config.control_period))


@pytest.fixture(scope="module")
def states(env):
    """A batch as a reset gives it, and after each of five steps; one robot falls in the fourth."""
    wrapped = wrap_for_training(env, 1000)
    step = jax.jit(wrapped.step)
    rows = [jax.jit(wrapped.reset)(jax.random.split(jax.random.PRNGKey(0), NUM))]
    for k in range(5):
        before = put(rows[-1], qpos=lambda q: q.at[1, 2].set(0.1)) if k == 3 else rows[-1]
        rows.append(step(before, jnp.full((NUM, 11), 0.1 * (k + 1))))
    return rows


def seen(state, robot) -> np.ndarray:
    return np.asarray(state.obs["state"])[robot]


def test_an_episode_begins_as_if_it_had_always_stood_so(states):
    for robot in range(NUM):
        first = seen(states[0], robot)
        np.testing.assert_array_equal(first[EARLIER], np.tile(first[NOW], 2))


def test_earlier_steps_follow_the_present_one_the_newest_first(states):
    for k in range(2, 6):
        earlier = [seen(states[k - 1], 0)[NOW], seen(states[k - 2], 0)[NOW]]
        np.testing.assert_array_equal(seen(states[k], 0)[EARLIER], np.concatenate(earlier))
    assert np.ptp([seen(state, 0)[NOW] for state in states], axis=0).max() > 0.1, "it moved"


def test_a_new_episode_remembers_nothing_of_the_last_one(states):
    assert np.asarray(states[4].done)[1] == 1.0
    anew = seen(states[4], 1)
    np.testing.assert_array_equal(anew[EARLIER], np.tile(anew[NOW], 2))


def test_each_term_has_its_whole_place(env):
    places = env.observation_slices
    assert places["joint_positions"] == slice(2, 35)
    assert places["last_action"] == slice(35, 46)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("env.observations.gyro.history=-1", "env.observations.gyro.history: "),
        ("env.observations.gyro.history=1.5", "env.observations.gyro.history: "),
        ("env.observations.gyro.hystory=1", "did you mean 'history'?"),
        ("env.privileged.root_height.history=1", "unknown key"),
    ],
)
def test_a_history_that_is_none_is_refused_by_key(robot, text, message):
    with pytest.raises(ConfigError) as refused:
        config = EnvConfig.from_file("ppo.yaml", (text,))
        WildRobotEnv(config, PuppetEngine(robot, config.control_period))
    assert message in str(refused.value)
