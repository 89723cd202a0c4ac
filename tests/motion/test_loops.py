from dataclasses import replace

import numpy as np
import pytest

from wildrobot_cli.motion.loops import by_speed, straight_loops


@pytest.fixture
def loop(swaying):
    """A function: a loop with strides, labelled with a command [m/s, m/s, rad/s]."""

    def make(*command, **changes):
        labels = np.tile(command, (swaying.frames, 1))
        return replace(swaying, **{"loop": True, "frequency": 1.0, "command": labels} | changes)

    return make


def test_a_straight_loop_has_strides_and_goes_neither_sideways_nor_round(loop):
    straight = [loop(0.3, 0.0, 0.0), loop(-0.1, 0.0, 0.0)]
    others = [loop(0.3, 0.1, 0.0), loop(0.3, 0.0, 0.4), loop(0.3, 0.0, 0.0, loop=False)]
    others.append(loop(0.0, 0.0, 0.0, frequency=0.0))
    assert straight_loops([*others, *straight]) == straight


def test_speeds_grow_and_are_the_same_to_a_millimetre_per_second(loop):
    slow, fast, same = (loop(speed, 0.0, 0.0) for speed in (0.1, 0.3, 0.3001))
    found = by_speed([fast, slow, same])
    assert list(found.items()) == [(0.1, [slow]), (0.3, [fast, same])]
