"""What the tests of physics share."""

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import mujoco
import numpy as np
import pytest
from engines import ENGINES, Rig, build
from simulations import CONTROL_PERIOD, SUBSTEPS, Cases, make_cases


@pytest.fixture(scope="session")
def model(robot) -> mujoco.MjModel:
    """The robot with a solver that converges, on a floor that may move; not to be changed."""
    model = robot.variant(loosen_floor).model
    model.opt.timestep = CONTROL_PERIOD / SUBSTEPS
    model.opt.iterations = model.opt.ls_iterations = 50
    model.opt.tolerance = 1e-12
    return model


def loosen_floor(spec: mujoco.MjSpec) -> None:
    """Tilt the floor by very little: MuJoCo never moves a geom that is where its body is."""
    spec.geom("floor").pos[2] = -1e-6
    spec.geom("floor").quat[:2] = np.cos(1e-4), np.sin(1e-4)


@pytest.fixture(scope="session")
def cases(robot) -> Cases:
    """Simulations in different states."""
    return make_cases(robot)


@pytest.fixture(scope="session")
def build_rig(robot, model, cases) -> Callable[[str], Rig]:
    """From an engine's name to the engine, compiled once."""

    @cache
    def build_once(name: str) -> Rig:
        with jax.enable_x64(True):
            return build(ENGINES[name], model, robot.root_body, cases)

    return build_once


def each_engine(mark: pytest.MarkDecorator) -> list[Any]:
    """All engines; those that compile for long are marked."""
    return [
        pytest.param(name, marks=[mark] if kind.compiles_long else [])
        for name, kind in ENGINES.items()
    ]


@pytest.fixture(scope="session", params=each_engine(pytest.mark.long))
def rig(request, build_rig) -> Rig:
    """Each engine in turn, for tests that need no program but the shared ones."""
    return build_rig(request.param)


@pytest.fixture(scope="session", params=each_engine(pytest.mark.slow))
def compiling_rig(request, build_rig) -> Rig:
    """Each engine in turn, for tests that compile other programs of it."""
    return build_rig(request.param)


@pytest.fixture
def double_precision():
    """Compare in float64, in which rounding hides nothing."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    """MuJoCo logs its warnings into the working folder."""
    monkeypatch.chdir(tmp_path)
