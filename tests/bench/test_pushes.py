"""What fells a policy is counted by the side that it came to."""

import importlib.util

import numpy as np
import pytest


@pytest.fixture(scope="module")
def pushes(root):
    spec = importlib.util.spec_from_file_location("pushes", root / "benchmarks" / "pushes.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("force", "heading", "phase", "side"),
    [
        ([10, 0], 0.0, 1.0, 0),  # ahead
        ([0, 10], 0.0, 1.0, 90),  # left, while the left foot swings
        ([0, 10], 0.0, 4.0, 270),  # left, while the right foot swings
        ([0, 10], np.pi / 2, 1.0, 0),  # the robot looks left: ahead
        ([-10, 0], np.pi / 2, 4.0, 270),  # to its left, while its right foot swings
    ],
)
def test_sides_are_the_robots(pushes, force, heading, phase, side):
    found = pushes.sides(np.array([force]), np.array([heading]), np.array([phase]))
    assert found == pytest.approx([side], abs=1e-9)


def test_a_residual_fades_in_and_ends(pushes):
    weights = np.asarray(pushes._weights(0.02))
    moved = round(pushes.MOVED / 0.02)
    assert weights[0].tolist() == [1.0] + [0.0] * (pushes.KNOTS - 1)
    np.testing.assert_allclose(weights[: moved + 1].sum(axis=1), 1.0, atol=1e-6)
    assert not weights[moved + 6 :].any()


def test_pushes_that_fell_are_counted(pushes, run):
    """Forces of twice its weight fell each robot once, and nothing is counted after that."""
    from wildrobot_cli import WildRobotEnv
    from wildrobot_cli.config.scenario import load_scenarios
    from wildrobot_cli.evaluation.measuring import Subject

    (scenario,) = load_scenarios(("pushes",))
    often = "env.pushes={force: [80, 80], duration: 0.2, interval: [0.2, 0.2]}"
    subject = Subject(run, overrides=(often, "env.episode_length=3.0"))
    env = WildRobotEnv(subject.config(scenario).env)
    found = pushes.outcomes(env, subject.policy, 8, 0)
    assert found.shape[0] >= 8
    assert found[:, 1].sum() == 8, "each robot is felled by one push"
    assert ((found[:, 0] >= 0) & (found[:, 0] < 360)).all()
