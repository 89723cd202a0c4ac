"""Planted faults are found, and blamed on the part that has them.

The candidates run on MuJoCo C, which compiles in no time: what is tested is the validator.
"""

import numpy as np
import pytest
from faults import FAULTS

from wildrobot_cli import WildRobotEnv, load_robot
from wildrobot_cli.validation.boundaries import find_boundaries
from wildrobot_cli.validation.compare import difference, record

TOLERANCE = 1e-10
SIZE = {"seed": 0, "num_envs": 2, "num_steps": 12}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_found_and_named(config, reference, name):
    fault = FAULTS[name]
    candidate = fault.plant(config, load_robot("wildrobot"))
    played = record(reference, candidate, **SIZE)
    gaps = [difference(reference, played.reference, s) for s in (played.single, played.free)]
    assert max(gap.relative for gap in gaps) > 1e-6 or gaps[0].done_agreement < 1.0
    boundary, *others = find_boundaries(reference, candidate, played, TOLERANCE)
    assert (boundary.part, boundary.name) == (fault.part, fault.name)
    assert fault.hint in boundary.hint
    assert {other.part for other in others} <= {fault.part}


def test_equal_environments_have_no_boundaries(config, reference):
    candidate = WildRobotEnv(config, robot=load_robot("wildrobot"))
    played = record(reference, candidate, **SIZE)
    for states in (played.single, played.free):
        gap = difference(reference, played.reference, states)
        assert gap.relative == 0.0 and gap.done_agreement == 1.0
    assert find_boundaries(reference, candidate, played, TOLERANCE) == ()


def test_nan_is_an_infinite_difference(reference):
    played = record(reference, reference, **SIZE)
    broken = played.single.replace(reward=np.full_like(played.single.reward, np.nan))
    assert difference(reference, played.reference, broken).max_abs_diff["reward"] == np.inf


def test_robots_are_thrown_about_in_contact(reference):
    played = record(reference, reference, **{**SIZE, "num_steps": 50, "num_envs": 8})
    physics = played.reference.pipeline_state.physics
    touch = np.stack([physics.sensordata[..., s] for s in (-1, -2)])
    assert physics.ok.all()
    assert touch.max() > reference.robot.weight
    assert np.abs(physics.qvel[..., reference.robot.qvel_ids]).max() > 3.0
