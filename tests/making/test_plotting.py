from types import SimpleNamespace

import numpy as np
import pytest

from wildrobot_cli.making import plotting
from wildrobot_cli.motion.clip import make_clip

pytest.importorskip("matplotlib")


@pytest.fixture
def drawn(recipe, monkeypatch, tmp_path):
    """A function: the titles in the plot of a clip of a robot with these joints."""
    saved = []
    monkeypatch.setattr(plotting, "_feet", lambda axis, *_: axis.set_title("feet"))
    monkeypatch.setattr(plotting, "save_plot", lambda _, figure: saved.append(figure))

    def titles(*joints):
        upright = np.tile([1.0, 0.0, 0.0, 0.0], (20, 1))
        poses = (np.zeros((20, 3)), upright, np.zeros((20, len(joints))))
        clip = make_clip("still", 50.0, joints, *poses, source="me", licence="CC0-1.0")
        robot = SimpleNamespace(joint_names=joints)
        plotting.plot_clip(tmp_path / "still.png", robot, clip, recipe)
        return [axis.get_title() for axis in saved[-1].axes if axis.get_visible()]

    return titles


@pytest.mark.parametrize("single", range(5))
@pytest.mark.parametrize("pairs", range(5))
def test_every_joint_and_the_feet_have_a_place_whatever_their_number(drawn, pairs, single):
    alone = [f"joint_{index}" for index in range(single)]
    sided = [f"leg_{index}" for index in range(pairs)]
    both = [f"{side}_{name}" for side in ("left", "right") for name in sided]
    assert drawn(*alone, *both) == [f"{name} [deg]" for name in (*sided, *alone)] + ["feet"]


def test_a_joint_of_one_side_has_a_place(drawn):
    assert drawn("left_hip", "right_hip", "right_tool") == ["hip [deg]", "tool [deg]", "feet"]
