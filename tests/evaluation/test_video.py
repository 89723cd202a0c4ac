"""An animation shows the episode that was measured, and says what it did."""

import sys
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from trajectories import DT, WEIGHT, still

from wildrobot_cli.commands import settings
from wildrobot_cli.errors import ConfigError, EnvironmentUnavailable
from wildrobot_cli.evaluation import captions, video
from wildrobot_cli.evaluation.captions import Captions, caption, captions_of, lines
from wildrobot_cli.evaluation.smoothing import cycle_mean

STEPS = 120


@pytest.fixture
def walks(robot):
    """Three episodes at 0.1, 0.3 and 0.2 m/s; the second falls early and has the shortest way."""
    speed = np.array([0.1, 0.3, 0.2])
    velocity, position = np.zeros((STEPS, 3, 2)), np.zeros((STEPS, 3, 3))
    velocity[..., 0] = speed
    position[..., 0] = np.cumsum(velocity[..., 0], axis=0) * DT
    command = np.zeros((STEPS, 3, 3))
    command[..., 0] = speed
    alive = np.ones((STEPS, 3), bool)
    alive[10:, 1] = False
    joints = np.full((STEPS, 3, len(robot.joint_names)), 0.2)
    fields = {"velocity": velocity, "position": position, "command": command, "alive": alive}
    return still(STEPS, 3, len(robot.joint_names), joint_pos=joints, fell=~alive[-1], **fields)


def flat_frames(count):
    return (np.full((540, 480, 3), 25 * k, np.uint8) for k in range(count))


def test_the_episode_of_the_median_way_is_shown(walks):
    assert video.typical_episode(walks) == 0


def test_positions_are_those_that_were_measured(robot, walks):
    qpos = video.episode_positions(robot, walks, 2)
    np.testing.assert_allclose(qpos[:, robot.root_qpos][:, 0], walks.position[:, 2, 0])
    np.testing.assert_allclose(qpos[:, robot.qpos_ids], 0.2)


def test_nothing_is_shown_after_a_fall_or_the_longest_animation(
    robot, walks, tmp_path, monkeypatch
):
    shown = []
    monkeypatch.setattr(
        video, "_rendered", lambda robot, rows, ground: shown.append(len(rows)) or ()
    )

    def write(path, _kind, frames, _period):
        list(frames)
        path.touch()

    monkeypatch.setattr(video, "_encode_mp4", write)
    monkeypatch.setattr(video, "typical_episode", lambda trajectory: 1)
    video.animate(tmp_path / "a.mp4", robot, walks)
    monkeypatch.setattr(video, "typical_episode", lambda trajectory: 0)
    monkeypatch.setattr(video, "SECONDS", 1.0)
    video.animate(tmp_path / "a.mp4", robot, walks)
    assert shown == [5, 25]


def test_captions_tell_command_and_mean_speed(walks):
    told = lines(captions_of(walks, 0), STEPS - 1)
    assert told == ("2.4 s   asked 0.10 m/s", "walks 0.10 m/s")


def test_captions_tell_turning_where_it_is_asked_for():
    command = np.zeros((2, 3))
    command[:, 2] = 0.25
    readings = Captions(DT, command, command, np.zeros((2, 2)))
    assert lines(readings, 0)[0].endswith("asked 0.00 m/s,  0.25 rad/s")


def test_the_longest_caption_leaves_the_feet_their_place():
    pytest.importorskip("PIL")
    command = np.full((2, 3), -0.25)
    short, long = (
        Captions(9.99, asked, asked, np.zeros((2, 2))) for asked in (0 * command, command)
    )
    frames = [caption(np.zeros((480, 480, 3), np.uint8), said, 1) for said in (short, long)]
    feet = slice(480 - 6 * captions.LINE, None)
    np.testing.assert_array_equal(frames[0][480:, feet], frames[1][480:, feet])
    assert (frames[0] != frames[1]).any()


def test_bars_are_as_high_as_the_load():
    pytest.importorskip("PIL")
    load = np.array([[captions.FULL, 0.0], [captions.FULL / 2, 0.0]])
    readings = Captions(DT, np.zeros((2, 3)), np.zeros((2, 3)), load)
    full, half = (caption(np.zeros((480, 480, 3), np.uint8), readings, row) for row in (0, 1))
    left, right = (lambda f, c=colour: (f == c).all(axis=-1).sum() for colour in captions.FEET)
    assert full.shape == (480 + captions.BAND, 480, 3)
    assert left(half) == pytest.approx(left(full) / 2, rel=0.1)
    assert right(full) == 0


def test_a_sway_of_one_gait_cycle_has_no_mean():
    time = (np.arange(STEPS) + 1)[:, None] * DT
    velocity = np.stack([0.2 + np.sin(4 * np.pi * time), 0.0 * time], axis=-1)
    mean = cycle_mean(still(STEPS, velocity=velocity))
    np.testing.assert_allclose(mean[25:, 0, 0], 0.2, atol=0.03)
    assert mean[0, 0, 0] == pytest.approx(velocity[0, 0, 0])


def test_mp4_is_h264_at_the_pace_of_the_motion(tmp_path):
    av = pytest.importorskip("av")
    video._encode_mp4(tmp_path / "a.mp4", ".mp4", flat_frames(10), 0.04)
    with av.open(str(tmp_path / "a.mp4")) as file:
        stream = file.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
        assert (stream.codec_context.name, stream.average_rate) == ("h264", 25)
    assert [round(float(f.mean()) / 25) for f in frames] == list(range(10))


@pytest.mark.parametrize("ending", [".gif", ".webp", ".png"])
def test_animated_pictures_have_every_frame(tmp_path, ending):
    Image = pytest.importorskip("PIL.Image")
    path = tmp_path / f"a{ending}"
    video._encode_picture(path, ending, flat_frames(4), 0.04)
    with Image.open(path) as picture:
        assert picture.n_frames == 4


def test_without_an_encoder_it_becomes_a_gif(tmp_path, monkeypatch):
    pytest.importorskip("PIL")
    pytest.importorskip("av")
    assert video.check_video_path(tmp_path / "a.mp4") == tmp_path / "a.mp4"
    monkeypatch.setattr(video, "find_spec", lambda name: None if name == "av" else find_spec(name))
    assert video.check_video_path(tmp_path / "a.mp4") == tmp_path / "a.gif"
    assert video.check_video_path(tmp_path / "a.webp") == tmp_path / "a.webp"


def test_an_animation_without_pillow_is_refused_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(video, "find_spec", lambda name: None)
    with pytest.raises(EnvironmentUnavailable, match=r"pip install 'wildrobot\[video\]'"):
        video.check_video_path(tmp_path / "a.gif")


def test_a_place_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no such folder"):
        video.check_video_path(tmp_path / "nowhere" / "a.mp4")


def test_a_folder_is_refused(tmp_path):
    (tmp_path / "a.mp4").mkdir()
    with pytest.raises(ConfigError, match="expected the name of a file"):
        video.check_video_path(tmp_path / "a.mp4")


def test_an_animation_that_fails_leaves_the_one_before(robot, tmp_path, monkeypatch):
    def broken(*_):
        yield from flat_frames(1)
        raise EnvironmentUnavailable("the screen went away")

    monkeypatch.setattr(video, "_rendered", broken)
    (tmp_path / "a.gif").write_bytes(b"before")
    with pytest.raises(EnvironmentUnavailable, match="went away"):
        video.write_video(tmp_path / "a.gif", robot, DT, robot.home_qpos[None])
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"before"]


def test_of_episodes_that_ended_at_once_none_is_typical(walks):
    alive = walks.alive.copy()
    alive[:, 0] = False
    shown = replace(walks, alive=alive, fell=walks.fell | ~alive.any(axis=0))
    assert shown.alive[0, video.typical_episode(shown)]
    none = replace(walks, alive=np.zeros_like(alive), fell=np.ones_like(walks.fell))
    assert 0 <= video.typical_episode(none) < none.episodes


def test_a_missing_package_is_named(robot, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setattr(video, "_rendered", lambda _robot, _rows, _: flat_frames(1))
    with pytest.raises(EnvironmentUnavailable, match=r"pip install 'wildrobot\[video\]'"):
        video.write_video(tmp_path / "a.gif", robot, DT, robot.home_qpos[None])


def test_a_missing_opengl_names_the_debian_package(monkeypatch):
    for name in ("MUJOCO_GL", "DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(settings.ctypes.util, "find_library", lambda name: None)
    monkeypatch.setattr(settings.sys, "platform", "linux")
    with pytest.raises(EnvironmentUnavailable, match="apt install libosmesa6"):
        settings.prepare_rendering()


@pytest.mark.parametrize(
    ("found", "nvidia", "display", "chosen"),
    [
        ({"EGL", "OSMesa"}, True, False, "egl"),
        ({"EGL", "OSMesa"}, False, True, "osmesa"),
        ({"EGL"}, False, False, "egl"),
        ({"EGL"}, False, True, "egl"),
        (set(), False, True, None),
    ],
)
def test_what_needs_no_screen_comes_first(monkeypatch, found, nvidia, display, chosen):
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    monkeypatch.setenv("DISPLAY", ":77")
    if not display:
        monkeypatch.delenv("DISPLAY")
    monkeypatch.setattr(settings.ctypes.util, "find_library", lambda n: n if n in found else None)
    monkeypatch.setattr(settings.os.path, "exists", lambda path: nvidia)
    monkeypatch.setattr(settings.sys, "platform", "linux")
    monkeypatch.setattr(settings.os, "environ", dict(settings.os.environ))
    settings.prepare_rendering()
    assert settings.os.environ.get("MUJOCO_GL") == chosen


def test_a_renderer_that_there_is_not_is_named(monkeypatch):
    monkeypatch.setenv("MUJOCO_GL", "bogus")
    with pytest.raises(EnvironmentUnavailable, match="MUJOCO_GL is 'bogus': set it to egl"):
        settings.prepare_rendering()


def test_foot_loads_are_shares_of_the_weight(walks):
    np.testing.assert_allclose(captions_of(walks, 0).load, 0.5)
    assert walks.weight == WEIGHT
