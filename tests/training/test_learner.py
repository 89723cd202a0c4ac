"""What the learner asks of its optimizer."""

import jax.numpy as jnp
import pytest

from wildrobot_cli import Config
from wildrobot_cli.training.learner import make_optimizer

UPDATES = 8


def step_sizes(*overrides: str) -> list[float]:
    """How far Adam goes down an even slope at each of `UPDATES` steps, and at one more."""
    rates = ("ppo.learning_rate=4e-3", "ppo.final_learning_rate=1e-3")
    optimizer = make_optimizer(Config.from_file("ppo.yaml", (*rates, *overrides)).ppo, UPDATES)
    params, slope = jnp.zeros(()), jnp.ones(())
    state, sizes = optimizer.init(params), []
    for _ in range(UPDATES + 1):
        update, state = optimizer.update(slope, state, params)
        sizes.append(-float(update))
    return sizes


@pytest.mark.parametrize(("decay", "halfway"), [("linear", 2.5e-3), ("exponential", 2e-3)])
def test_the_step_size_goes_from_first_to_last(decay, halfway):
    sizes = step_sizes(f"ppo.learning_rate_decay={decay}")
    assert sizes[0] == pytest.approx(4e-3, rel=1e-3)
    assert sizes[UPDATES // 2] == pytest.approx(halfway, rel=1e-3)
    assert sizes[UPDATES] == pytest.approx(1e-3, rel=1e-3)


def test_equal_rates_stay():
    assert step_sizes("ppo.final_learning_rate=4e-3") == pytest.approx([4e-3] * 9, rel=1e-3)
