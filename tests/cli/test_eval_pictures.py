"""`wildrobot eval --video --report`, rendered in a process of its own as a user would."""

import ctypes.util
import os
import subprocess
import sys

import pytest

from wildrobot_cli.cli.options import ReportCommand
from wildrobot_cli.evaluation import video

pytest.importorskip("matplotlib")
needs_opengl = pytest.mark.skipif(
    not (ctypes.util.find_library("OSMesa") or "DISPLAY" in os.environ),
    reason="no OpenGL without a screen here (Debian: apt install libosmesa6)",
)


def call(folder, *arguments, **environment):
    """Run `wildrobot` in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "wildrobot_cli", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.long
@needs_opengl
def test_a_run_gets_its_video_and_its_page(run, tmp_path):
    av = pytest.importorskip("av")
    done = call(tmp_path, "eval", str(run.path), "--report", "--video", "walk.mp4")
    assert done.returncode in (0, 1), done.stderr
    assert "animation in walk.mp4" in done.stdout
    assert "report in" in done.stdout
    page = run.report_file.read_text()
    assert page.count("<figure>") > 8 and "data:video/mp4;base64," in page
    with av.open(str(tmp_path / "walk.mp4")) as file:
        frames = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    assert len(frames) == 10
    robot = frames[0][: video.SIZE]
    assert robot.std() > 20  # something stands before the sky


@needs_opengl
def test_a_robot_without_a_camera_is_followed(biped, tmp_path):
    pytest.importorskip("PIL")
    script = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from wildrobot_cli.commands.settings import prepare_rendering\n"
        "prepare_rendering()\n"
        "from wildrobot_cli.evaluation import video\n"
        "from wildrobot_cli.robot import load_robot\n"
        "robot = load_robot(sys.argv[1])\n"
        "far = robot.home_qpos[None].copy()\n"
        "far[:, robot.root_qpos.start] += 20.0\n"
        "here = far - 20.0 * (np.arange(far.shape[1]) == robot.root_qpos.start)\n"
        "views = [list(video._rendered(robot, rows, None)) for rows in (here, far)]\n"
        "near, distant = (np.asarray(view[0], float) for view in views)\n"
        "print(near.std(), np.abs(near - distant).mean())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(biped)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    contrast, change = map(float, done.stdout.split()[-2:])
    assert contrast > 5
    assert change < contrast  # twenty metres on it looks alike


@pytest.mark.parametrize(
    ("given", "parsed"),
    [
        (["run", "--report"], ""),
        (["run", "--report", "--episodes", "2"], ""),
        (["run", "--report", "page.html"], "page.html"),
        (["run", "--report=page.html"], "page.html"),
        (["run"], None),
    ],
)
def test_report_may_stand_without_a_value(given, parsed):
    import typer

    from wildrobot_cli.cli.app import app

    command = typer.main.get_command(app).commands["eval"]
    assert isinstance(command, ReportCommand)
    context = command.make_context("eval", list(given))
    assert context.params["report"] == parsed


def test_a_report_into_no_folder_is_refused(command, run):
    done = command("eval", str(run.path), "--report", "nowhere/page.html")
    assert done.code == 2, done
    assert "no such folder" in done.err
