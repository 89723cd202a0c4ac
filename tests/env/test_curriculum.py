"""Commands and disturbances grow when commands are followed well, and only then."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from brax.envs.base import State

from wildrobot_cli import EnvConfig, WildRobotEnv
from wildrobot_cli.config.disturbances import CurriculumConfig
from wildrobot_cli.env.curriculum import CurriculumWrapper, curriculum_metrics
from wildrobot_cli.env.wrappers import REFRESH_EVERY, wrap_for_training

NUM, DT = 4, 0.02
CONFIG = CurriculumConfig(start=0.2, widening=0.3, velocity_error=0.1, falls=0.5, window=0.1)
KEYS = jax.random.split(jax.random.PRNGKey(0), NUM)
WINDOW = 5
"""Control steps in it."""


class Episodes(NamedTuple):
    command_share: jax.Array

    def replace(self, **fields):
        return self._replace(**fields)


class Alone:
    """One robot; it observes how much of everything it is to bear."""

    def reset(self, rng, share):
        return State(Episodes(jnp.ones(())), share, share, share, {}, {})


class Followers:
    """Robots that follow commands as well, and fall as often, as the action says."""

    @property
    def unwrapped(self):
        return Alone()

    def reset(self, rng):
        zeros = jnp.zeros(NUM)
        metrics = {"velocity_error": zeros, "fall": zeros}
        return State(Episodes(zeros + 1.0), zeros, zeros, zeros, metrics, {})

    def step(self, state, action):
        error, fall = action
        metrics = {"velocity_error": jnp.full(NUM, error), "fall": jnp.asarray(fall)}
        return state.replace(metrics=metrics)


@jax.jit
def follow(error, fall):
    """The states after each of some control steps of following so well."""
    wrapper = CurriculumWrapper(Followers(), CONFIG, DT)

    def step(state, _):
        return (after := wrapper.step(state, (error, fall))), after

    return jax.lax.scan(step, wrapper.reset(KEYS), None, length=4 * WINDOW)[1]


def shares(error, fall=(0.0,) * NUM):
    """Share of the ranges that the episodes were told in each control step."""
    states = follow(error, jnp.asarray(fall, float))
    told = np.asarray(states.pipeline_state.command_share)
    assert (told == told[:, :1]).all(), "all robots alike"
    return told[:, 0]


def test_good_following_widens_the_commands_up_to_the_whole_ranges():
    expected = np.repeat([0.2, 0.5, 0.8, 1.0], WINDOW)
    np.testing.assert_allclose(shares(0.05), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("error", "fall"),
    [(0.11, (0, 0, 0, 0)), (0.05, (1, 0, 0, 0))],
    ids=["far from the command", "falling"],
)
def test_bad_following_does_not(error, fall):
    np.testing.assert_allclose(shares(error, fall), 0.2)


def test_the_first_episodes_bear_the_least():
    first = CurriculumWrapper(Followers(), CONFIG, DT).reset(KEYS)
    np.testing.assert_allclose(first.obs, CONFIG.start)


def test_episodes_drawn_later_bear_what_the_robots_have_come_to():
    """The bank of the real environment, at the widest: new starts are as without a curriculum."""
    told = "{start: 0.0, widening: 1.0, velocity_error: 9.0, falls: 99.0, window: 0.02}"
    pushes = "{force: [10, 10], duration: 0.1, interval: [0.1, 0.1]}"
    overrides = ("env.engine=mujoco", f"env.curriculum={told}", f"env.pushes={pushes}")
    wrapped = wrap_for_training(WildRobotEnv(EnvConfig.from_file("ppo.yaml", overrides)), 50)
    state, step = jax.jit(wrapped.reset)(KEYS), jax.jit(wrapped.step)
    assert strengths(state) == {0}
    commands = wrapped.unwrapped.config.commands
    np.testing.assert_allclose(state.pipeline_state.command[:, 0], np.mean(commands.forward))
    for _ in range(REFRESH_EVERY):
        state = step(state, jnp.zeros((NUM, 11)))
    assert strengths(state) == {0, 10}


def strengths(state):
    """Sizes of the pushes in the bank [N], rounded."""
    episodes, _ = state.info["bank"]["starts"]
    force = episodes.disturbance.pushes.force
    return {int(size) for size in np.round(np.linalg.norm(force, axis=-1)).flat}


def test_share_is_logged():
    states = follow(0.05, jnp.zeros(NUM))
    logged = curriculum_metrics(states, DT)["curriculum/share"]
    np.testing.assert_allclose(logged[WINDOW - 1 :: WINDOW], [0.5, 0.8, 1.0, 1.0], atol=1e-6)
    assert curriculum_metrics(Followers().reset(None), DT) == {}


def test_what_the_share_is_judged_by_is_logged():
    states = follow(0.05, jnp.zeros(NUM).at[0].set(1.0))
    logged = curriculum_metrics(states, DT)
    middle, end = WINDOW // 2, WINDOW - 1
    np.testing.assert_allclose(logged["curriculum/velocity_error"][middle], 0.05, rtol=1e-5)
    np.testing.assert_allclose(logged["curriculum/falls"][middle], 1 / NUM / DT, rtol=1e-5)
    assert np.isnan(logged["curriculum/falls"][end]), "a new window has just begun"
