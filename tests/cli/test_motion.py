"""`wildrobot motion` as its users type it."""

import json
import shutil

import numpy as np
import pytest
import yaml

from wildrobot_cli.commands import motion
from wildrobot_cli.config.resources import asset_dir
from wildrobot_cli.evaluation import video
from wildrobot_cli.motion.checks import Check


@pytest.fixture
def walk(tmp_path):
    """A copy of a packaged clip, free to damage."""
    return shutil.copy(asset_dir() / "motion" / "walk_020.npz", tmp_path / "mine.npz")


def damage(path, **changes):
    with np.load(path) as archive:
        content = {name: archive[name] for name in archive.files}
    np.savez(path, **(content | {name: change(content[name]) for name, change in changes.items()}))


def test_list_shows_every_clip_and_its_licence(command, tmp_path):
    done = command("motion", "list", "--json", "clips.json")
    assert done.code == 0, done
    clips = json.loads((tmp_path / "clips.json").read_text())["clips"]
    assert {"walk_010", "walk_040", "stand"} <= {clip["name"] for clip in clips}
    assert "CC-BY-4.0" in done.out
    assert "Fukuchi" in done.out
    for clip in clips:
        assert clip["name"] in done.out


def test_check_passes_a_packaged_clip(command, tmp_path):
    done = command("motion", "check", "walk_020", "--json", "checks.json")
    assert done.code == 0, done
    results = json.loads((tmp_path / "checks.json").read_text())
    assert results["passed"] is True
    assert len(results["clips"]["walk_020"]["checks"]) == 17
    assert "penetration [mm]" in done.out


def test_a_clip_that_fails_is_named_with_check_value_and_limit(command, walk, tmp_path):
    damage(walk, root_position=lambda values: values - [0, 0, 0.01])
    done = command("motion", "check", "mine.npz", "--json", "checks.json")
    assert done.code == 1
    assert "FAILED: mine: penetration [mm]: expected at most 5, got 10." in done.out
    assert not done.err
    assert json.loads((tmp_path / "checks.json").read_text())["passed"] is False


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"root_position": lambda v: v * np.nan},
            "root_position: frame 0: expected finite numbers",
        ),
        ({"joint_names": lambda v: np.char.replace(v, "knee", "kne")}, "no joint left_knee_pitch"),
        ({"joint_angles": lambda v: v[:2]}, "joint_angles: expected shape"),
    ],
)
def test_a_broken_clip_is_exit_code_2(command, walk, change, message):
    damage(walk, **change)
    done = command("motion", "check", "mine.npz")
    assert done.code == 2
    assert message in done.err


def test_a_restricted_licence_is_warned_about(command, walk):
    damage(walk, licence=lambda _: np.array("CC-BY-NC-4.0"))
    done = command("motion", "check", "mine.npz")
    assert done.code == 0
    assert "CC-BY-NC-4.0" in done.out
    assert "forbids" in done.out


def test_a_missing_clip_gets_the_nearest_name(command):
    done = command("motion", "check", "walk_02")
    assert done.code == 2
    assert "walk_02: no such clip; did you mean 'walk_02" in done.err


def test_what_was_imported_can_be_checked(command, robot, tmp_path):
    times = np.arange(50) / 50
    names = ["time [s]", *(f"root_{a} [m]" for a in "xyz"), *(f"root_q{a} [-]" for a in "wxyz")]
    names += [f"{joint} [rad]" for joint in robot.joint_names]
    home = np.concatenate([[0, 0, robot.home_qpos[2], 1, 0, 0, 0], robot.home_qpos[7:]])
    rows = [",".join(map(str, [t, *home])) for t in times]
    (tmp_path / "still.csv").write_text("\n".join([",".join(names), *rows]))
    source = ("--source", "me", "--licence", "CC0-1.0")
    done = command("motion", "import", "still.csv", "--out", "still.npz", *source)
    assert done.code == 0, done
    assert "50 frames" in done.out
    assert command("motion", "check", "still.npz").code == 0


def test_what_a_clip_keeps_of_itself_is_told(command, walk, tmp_path):
    source = ("--source", "me", "--licence", "MIT")
    done = command("motion", "import", "mine.npz", "--out", "other.npz", *source)
    assert done.code == 0, done
    assert "mine.npz is a clip already and keeps its own source" in done.out
    assert "licence 'CC-BY-4.0'" in done.out
    done = command("motion", "import", "mine.npz", "--out", "x.npz", *source, "--scale", "0.5")
    assert done.code == 2
    assert "stays as it is: leave out --scale" in done.err
    assert not (tmp_path / "x.npz").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("motion.bvh", "--out", "x.npz"), "motion.bvh: no such file"),
        (("motion.fbx", "--out", "x.npz"), "expected an ending of"),
        (("motion.bvh", "--out", "x.csv"), "expected a name that ends in .npz"),
        (("motion.bvh", "--out", "nowhere/x.npz"), "no such folder"),
        (("motion.bvh", "--out", "x.npz", "--joint", "knee"), "expected JOINT=CHANNEL"),
        (("motion.bvh", "--out", "x.npz", "--scale=-1"), "--scale: expected a number above 0"),
    ],
)
def test_a_wrong_import_writes_nothing(command, tmp_path, arguments, message):
    done = command("motion", "import", *arguments, "--source", "me", "--licence", "CC0-1.0")
    assert done.code == 2
    assert message in done.err
    assert not list(tmp_path.iterdir())


def test_make_writes_what_passes(command, tmp_path):
    done = command("motion", "make", "--out", "made", "--only", "stand")
    assert done.code == 0, done
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["stand.npz"]
    assert "1 of 1 clips" in done.out


@pytest.fixture
def recipe(tmp_path):
    """A recipe with short walks: one that falls, and one with a style that there is not."""
    content = yaml.safe_load((asset_dir() / "motion" / "recipe.yaml").read_text())
    falls = {"speed": 0.15, "ends": True, "style": {"pressure": [-0.01, -0.05]}}
    walks = {"falls": falls, "odd": {"speed": 0.15, "style": {"pride": 1.0}}}
    short = {"strides": 2, "kept": 1, "ramp": [0.4, 0.7], "stand": 0.4}
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({**content, **short, "walks": walks}))
    return path


def test_a_walk_that_falls_fails_alone_and_its_earlier_file_is_named(command, recipe, tmp_path):
    pytest.importorskip("mink")
    earlier = tmp_path / "made" / "falls_stop.npz"
    earlier.parent.mkdir()
    earlier.write_bytes(b"earlier")
    only = ("--only", "falls", "--only", "stand")
    make = ("motion", "make", "--recipe", str(recipe), "--out", "made", *only)
    done = command(*make, "--json", "made.json")
    assert done.code == 1, done
    assert {path.name for path in earlier.parent.iterdir()} == {"stand.npz", "falls_stop.npz"}
    assert earlier.read_bytes() == b"earlier"
    assert "made/falls_stop.npz was made earlier and stays as it was" in done.out
    assert "1 of 4 clips" in done.out
    results = json.loads((tmp_path / "made.json").read_text())
    assert results["passed"] is False
    passed = {name: clip["passed"] for name, clip in results["clips"].items()}
    assert passed == {"falls": False, "falls_start": False, "falls_stop": False, "stand": True}
    (check,) = results["clips"]["falls"]["checks"]
    assert check["name"] == "time upright [s]"


def test_a_clip_that_fails_its_checks_names_the_earlier_file(command, tmp_path, monkeypatch):
    assert command("motion", "make", "--out", "made", "--only", "stand").code == 0
    made = (tmp_path / "made" / "stand.npz").read_bytes()
    monkeypatch.setattr(motion, "check_clip", lambda *_: [Check("tilt [deg]", 20.0, high=15.0)])
    done = command("motion", "make", "--out", "made", "--only", "stand")
    assert done.code == 1
    assert "tilt [deg]: 20, expected at most 15" in done.out
    assert "made/stand.npz was made earlier and stays as it was" in done.out
    assert (tmp_path / "made" / "stand.npz").read_bytes() == made
    assert "earlier" not in command("motion", "make", "--out", "x", "--only", "stand").out


def test_a_style_that_does_not_fit_is_refused_before_anything_is_written(command, recipe, tmp_path):
    only = ("--only", "stand", "--only", "odd")
    done = command("motion", "make", "--recipe", str(recipe), "--out", "made", *only)
    assert done.code == 2
    assert "walks.odd.style" in done.err
    assert not (tmp_path / "made").exists()


def test_make_without_mink_says_what_to_install(command, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "mink", None)
    done = command("motion", "make", "--out", "made", "--only", "walk_020")
    assert done.code == 3
    assert "pip install 'wildrobot[motion]'" in done.err


def test_preview_plots_a_clip(command, tmp_path):
    pytest.importorskip("matplotlib")
    done = command("motion", "preview", "walk_020", "--plot", "walk.png")
    assert done.code == 0, done
    assert (tmp_path / "walk.png").read_bytes().startswith(b"\x89PNG")


def test_a_preview_is_a_gif_where_nothing_encodes_mp4_and_says_so(tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr(video, "find_spec", lambda name: name != "av" or None)
    monkeypatch.setattr(video, "write_video", lambda path, *_: written.append(path))
    assert motion.preview("wildrobot", "walk_020", tmp_path / "a.mp4", None) == tmp_path / "a.gif"
    assert written == [tmp_path / "a.gif"]
    assert motion.preview("wildrobot", "walk_020", tmp_path / "a.webp", None).suffix == ".webp"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "expected --video FILE, --plot FILE or both"),
        (("--plot", "walk.avi"), "expected a name that ends in .pdf, .png, .svg"),
        (("--plot", "nowhere/walk.png"), "no such folder"),
    ],
)
def test_a_preview_of_nothing_is_refused(command, arguments, message):
    done = command("motion", "preview", "walk_020", *arguments)
    assert done.code == 2
    assert message in done.err
