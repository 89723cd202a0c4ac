"""Each known kind of difference is told from the others, and from one of no known kind."""

import numpy as np
import pytest

from wildrobot_cli import load_robot
from wildrobot_cli.validation.hints import describe_difference, model_differences

VALUES = np.random.default_rng(0).normal(size=(6, 2, 4))
SWAPPED = VALUES[..., [0, 3, 2, 1]]


@pytest.mark.parametrize(
    ("theirs", "hint"),
    [
        (-VALUES, "the sign is flipped"),
        (1.5 * VALUES, "1.5 times the reference"),
        (np.concatenate([VALUES[:1], VALUES[:-1]]), "one control step late"),
        (SWAPPED, "b and d are swapped"),
        (VALUES * np.nan, "not finite"),
        (VALUES + 0.1, ""),
        (VALUES[::-1], ""),
    ],
)
def test_kind_of_difference_is_named(theirs, hint):
    assert describe_difference(VALUES, theirs, 1e-12, ("a", "b", "c", "d")) == hint


def test_models_that_are_the_same_do_not_differ():
    assert model_differences(load_robot("wildrobot").model, load_robot("wildrobot").model) == ""


def test_every_changed_field_is_named():
    ours, theirs = load_robot("wildrobot").model, load_robot("wildrobot").model
    theirs.opt.timestep, theirs.body_mass[3] = 0.005, 1.0
    text = model_differences(ours, theirs)
    assert "opt.timestep is 0.005, not 0.004" in text
    assert "body_mass[3] is 1, not" in text
