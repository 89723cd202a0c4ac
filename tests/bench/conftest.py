"""Rows without a measurement behind them."""

from collections.abc import Callable

import pytest

from wildrobot_cli.bench.rows import Row


@pytest.fixture
def row() -> Callable[..., Row]:
    def make(what: str, *speeds: float, engine="mujoco", num_envs=512, memory=100.0) -> Row:
        impl = "jax" if engine == "mjx" else None
        return Row.of((what, engine, impl, num_envs), speeds, 1.5, memory)

    return make
