"""Figures in words."""

import pytest

from wildrobot_cli.evaluation.table import describe_falls


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ([4.0], "1 tilted 4.0 s"),
        ([1.0, 9.0], "2 tilted 1.0 s"),
        ([1.0, 5.0, 9.0], "3 tilted 5.0 s"),
        ([1.0, 2.0, 8.0, 9.0], "4 tilted 2.0 s"),
    ],
)
def test_half_of_the_falls_have_happened_by_the_time_that_is_told(times, words):
    assert describe_falls({"tilted": times}) == words


def test_other_causes_of_falls_are_a_plus():
    assert describe_falls({"tilted": [1.0, 2.0, 3.0], "low": [0.5]}) == "3+ tilted 2.0 s"
    assert describe_falls({}) == "-"
