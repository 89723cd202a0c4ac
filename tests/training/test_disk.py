"""A disk that refuses: one clear message, and what was saved before is whole."""

import errno
import os
import shutil
import subprocess
import time

import numpy as np
import pytest

from wildrobot_cli import resume, train
from wildrobot_cli.errors import EnvironmentUnavailable
from wildrobot_cli.training import checkpoint_list, checkpoints
from wildrobot_cli.training.checkpoint_list import list_checkpoints
from wildrobot_cli.training.run_folder import RunFolder


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def saves_often(tiny_config):
    """A configuration that saves after every iteration."""
    settings = tiny_config.checkpoints.model_copy(update={"every_iterations": 1})
    return tiny_config.model_copy(update={"checkpoints": settings})


def fill(folder) -> None:
    """Leave no room."""
    size = 65536
    with (folder / "filler").open("wb", buffering=0) as file:
        while size:
            try:
                file.write(b"x" * size)
            except OSError as error:
                assert error.errno == errno.ENOSPC
                size //= 2


def in_the_second(action):
    """Do something at the end of the second iteration."""

    def on_progress(progress) -> None:
        if progress.env_steps == 80:
            action()

    return on_progress


def wait_for_a_checkpoint(run: RunFolder) -> None:
    """It is written beside the training."""
    deadline = time.monotonic() + 60
    while not list_checkpoints(run.checkpoints) and time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_full_disk_stops_the_run_and_spares_the_checkpoints(saves_often, small_disk, trained):
    run = RunFolder(small_disk / "full")

    def fill_up() -> None:
        wait_for_a_checkpoint(run)
        fill(small_disk)

    with pytest.raises(EnvironmentUnavailable, match="No space left on device") as error:
        train(saves_often, small_disk, "full", in_the_second(fill_up))
    assert error.value.exit_code == 3
    assert str(run.path) in str(error.value)
    assert list_checkpoints(run.checkpoints)
    assert not list(run.checkpoints.glob(".writing-*"))
    (small_disk / "filler").unlink()
    assert resume(run).params_sha256 == trained[0].params_sha256


def test_a_checkpoint_that_does_not_fit_leaves_those_before_it(small_disk):
    tree = {"a": np.random.default_rng(0).random(200_000)}
    checkpoints.save(small_disk, 1, tree, {"b": np.ones(3)}, "robot")
    with pytest.raises(EnvironmentUnavailable) as error:
        for steps in range(2, 9):
            checkpoints.save(small_disk, steps, tree, {"b": np.ones(3)}, "robot")
    place = small_disk / f"{steps:012d}"
    assert str(error.value) == (
        f"{place}: cannot save: No space left on device; what was saved before is whole"
    )
    assert not list(small_disk.glob(".writing-*"))
    for path in checkpoint_list.list_checkpoints(small_disk):
        back = checkpoints.restore(path, "policy", tree, "robot")
        np.testing.assert_array_equal(back["a"], tree["a"])


def test_a_folder_that_cannot_be_written_is_refused(tiny_config, small_disk):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(EnvironmentUnavailable, match="cannot write: Read-only file system"):
        train(tiny_config, small_disk, "run")


def test_a_run_on_a_read_only_disk_cannot_go_on(run, small_disk):
    shutil.copytree(run.path, small_disk / "run")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(EnvironmentUnavailable, match="cannot write: Read-only file system"):
        resume(small_disk / "run")


@pytest.mark.skipif(not os.geteuid(), reason="root may write anywhere")
def test_a_folder_without_permission_is_refused(tiny_config, tmp_path):
    tmp_path.chmod(0o555)
    with pytest.raises(EnvironmentUnavailable, match="cannot write: Permission denied"):
        train(tiny_config, tmp_path, "run")


def test_a_run_folder_deleted_under_the_training_is_not_made_anew(tiny_config, tmp_path):
    def delete() -> None:
        shutil.rmtree(tmp_path / "gone")

    with pytest.raises(EnvironmentUnavailable, match="it was deleted"):
        train(tiny_config, tmp_path, "gone", in_the_second(delete))
    assert not (tmp_path / "gone").exists()
