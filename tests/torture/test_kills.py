"""A run that is killed again and again ends with the bits of one that was not."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wildrobot_cli import Config, resume, train
from wildrobot_cli.training.checkpoint_list import list_checkpoints
from wildrobot_cli.training.run_folder import RunFolder

TRAIN = [sys.executable, "-m", "wildrobot_cli", "train"]


def lines(run: RunFolder) -> int:
    """How many iterations the run has logged."""
    if not run.metrics_file.exists():
        return 0
    return run.metrics_file.read_bytes().count(b"\n")


def wait_for(process: subprocess.Popen, run: RunFolder) -> None:
    """Wait until the process has logged an iteration of its own."""
    while not run.lock_file.exists() or str(process.pid) not in run.lock_file.read_text():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    start = run.metrics_file.stat().st_mtime_ns if run.metrics_file.exists() else 0
    while not lines(run) or run.metrics_file.stat().st_mtime_ns == start:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def kill_at_random(run: RunFolder, start: list[str], dice: random.Random) -> bool:
    """Start or resume the run, kill it; return whether a checkpoint was being written."""
    arguments = ["--resume", str(run.path)] if run.config_file.exists() else start
    command = [*TRAIN, *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(process, run)
    time.sleep(dice.uniform(0.0, 0.5))
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "it ended before it was killed"
    return bool(list(run.checkpoints.glob(".writing-*")))


def killed_run(
    folder: Path, config: str, overrides: tuple[str, ...], kills: int, steps: int
) -> tuple[str, int]:
    """Kill a run so many times, let it end; return its hash and the kills that hit a write."""
    often = ("checkpoints.every_iterations=1", "checkpoints.rollouts=0")
    wanted = (*overrides, *often, f"ppo.steps={steps}")
    reference = train(Config.from_file(config, wanted), folder, "reference")
    run, dice = RunFolder(folder / "killed"), random.Random(0)
    sets = [part for text in wanted for part in ("--set", text)]
    start = ["--config", config, "--runs", str(folder), "--run", "killed", *sets]
    hits = sum(kill_at_random(run, start, dice) for _ in range(kills))
    done = subprocess.run([*TRAIN, "--resume", str(run.path)], capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr  # 1: after so short a training a gate may fail
    summary = json.loads(run.summary_file.read_text())
    assert summary["finished"]
    assert summary["params_sha256"] == reference.params_sha256
    logged = run.metrics_file.read_text().splitlines()
    steps_logged = [json.loads(line)["env_steps"] for line in logged]
    assert steps_logged == list(range(40, reference.env_steps + 1, 40))
    assert not list(run.checkpoints.glob(".writing-*"))
    assert list_checkpoints(run.checkpoints)[-1].name == f"{reference.env_steps:012d}"
    return summary["params_sha256"], hits


SUICIDE = """
import os, signal, sys
from wildrobot_cli import Config, train
def on_progress(progress):
    if progress.env_steps == 80:
        os.kill(os.getpid(), signal.SIGKILL)
train(Config.from_file("ppo.yaml", sys.argv[2:]), sys.argv[1], "killed", on_progress)
"""


@pytest.mark.long
def test_a_kill_changes_nothing_in_the_end(trained, tiny_overrides, tmp_path):
    """The second iteration is done, the checkpoint of the first is perhaps being written."""
    overrides = (*tiny_overrides, "checkpoints.every_iterations=1")
    command = [sys.executable, "-c", SUICIDE, str(tmp_path), *overrides]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    result = resume(tmp_path / "killed")
    assert result.params_sha256 == trained[0].params_sha256
    logged = RunFolder(tmp_path / "killed").metrics_file.read_text().splitlines()
    assert [json.loads(line)["env_steps"] for line in logged] == [40, 80, 120]


@pytest.mark.torture
@pytest.mark.parametrize("config", ["ppo.yaml", "ppo_amp.yaml"])
def test_25_kills_at_random_moments_change_nothing_in_the_end(
    config, tiny_overrides, tiny_style_overrides, tmp_path
):
    overrides = tiny_overrides if config == "ppo.yaml" else tiny_style_overrides
    _, hits = killed_run(tmp_path, config, overrides, kills=25, steps=40 * 500)
    assert hits > 0, "no kill hit a checkpoint that was being written"
