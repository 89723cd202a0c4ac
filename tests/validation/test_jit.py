"""Ways to run that should agree do; what differs between them, or compiles again, is found."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_cli import WildRobotEnv, load_robot
from wildrobot_cli.validation.jit import check_jit, count_compilations, largest_gap


@pytest.mark.long
def test_packaged_environment_passes(reference):
    result = check_jit(reference, seed=0, num_envs=2, num_steps=4, tolerance=1e-10)
    assert result.passed, result


class Remembering(WildRobotEnv):
    """Rewards count the calls in Python: compiled, the count stands still."""

    calls = 0

    def step(self, state, action):
        self.calls += 1
        after = super().step(state, action)
        return after.replace(reward=after.reward + self.calls)


@pytest.mark.long
def test_python_state_in_a_step_is_found(config):
    env = Remembering(config, robot=load_robot("wildrobot"))
    result = check_jit(env, seed=0, num_envs=1, num_steps=3, tolerance=1e-10)
    assert result.max_abs_diff_eager >= 1.0
    assert not result.passed


@pytest.mark.parametrize("sizes", [(3, 3, 3), (3, 4, 5)])
def test_compilations_are_counted(sizes):
    double = jax.jit(lambda x: 2 * x)
    inputs = [np.ones(size) for size in sizes]
    with count_compilations() as compiled:
        for values in inputs:
            double(values)
    assert len(compiled) == len(set(sizes))


def test_weak_types_count_as_another_program():
    double = jax.jit(lambda x: 2 * x)
    strong = jnp.asarray(np.ones(()))
    double(strong)
    with count_compilations() as compiled:
        double(strong)
        double(1.0)
    assert len(compiled) == 1


def test_gap_of_nan_is_infinite():
    assert largest_gap({"a": np.ones(3)}, {"a": np.array([1.0, 1.5, 1.0])}) == 0.5
    assert largest_gap(np.ones(2), np.array([1.0, np.nan])) == np.inf
