"""Saving beside the training: when, what is kept, and what a kill leaves."""

import os
import signal
import subprocess
import sys
import threading
import time

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

from wildrobot_cli import train
from wildrobot_cli.training import checkpoint_list, checkpoints, saving
from wildrobot_cli.training.background import Background
from wildrobot_cli.training.policy import policy_tree
from wildrobot_cli.training.run_folder import RunFolder
from wildrobot_cli.training.trainer import _Parts

SLOW_SAVE = """
import sys, time
from pathlib import Path
import numpy as np
from wildrobot_cli.training import checkpoints
tree = {"a": np.arange(6.0)}
folder = Path(sys.argv[1])
checkpoints.save(folder, 1, tree, tree, "robot")
checkpoints._flush = lambda _: (print("writing", flush=True), time.sleep(60))
checkpoints.save(folder, 2, tree, tree, "robot")
"""


def with_checkpoints(config, **settings):
    changed = config.checkpoints.model_copy(update=settings)
    return config.model_copy(update={"checkpoints": changed})


def steps_in(run: RunFolder) -> list[int]:
    return [int(path.name) for path in checkpoint_list.list_checkpoints(run.checkpoints)]


def test_a_checkpoint_every_so_many_iterations(tiny_config, trained, tmp_path):
    config = with_checkpoints(tiny_config, every_iterations=2, rollouts=0)
    result = train(config, tmp_path, "run")
    assert steps_in(RunFolder(tmp_path / "run")) == [80, 120]
    assert result.params_sha256 == trained[0].params_sha256


def test_a_checkpoint_every_so_many_seconds(tiny_config, tmp_path):
    train(with_checkpoints(tiny_config, every_seconds=1e-6, keep=2), tmp_path, "run")
    assert steps_in(RunFolder(tmp_path / "run"))[-2:] == [80, 120]


def test_every_checkpoint_is_scored_and_the_best_outlives_newer_ones(
    tiny_config, tmp_path, monkeypatch
):
    scores = iter([(0.5, 0.2), (1.0, 0.3), (0.5, 0.1)])
    monkeypatch.setattr(
        "wildrobot_cli.training.judge.Judge.score",
        lambda _judge, _policy: checkpoint_list.Score(*next(scores)),
    )
    train(with_checkpoints(tiny_config, every_iterations=1, keep=1), tmp_path, "run")
    run = RunFolder(tmp_path / "run")
    assert steps_in(run) == [80, 120]
    assert checkpoint_list.find_checkpoint(run.checkpoints, "best").name == f"{80:012d}"


def test_the_score_is_of_real_rollouts_and_the_same_each_time(run, tiny_config, shared_programs):
    best = checkpoint_list.find_checkpoint(run.checkpoints, "best")
    score = checkpoint_list.read_score(best)
    assert 0 <= score.success_rate <= 1
    assert 0 < score.velocity_error < 5
    parts = _Parts.of(tiny_config)
    state = saving.restore_state(best, parts.learner, parts.fingerprint)
    policy = policy_tree(state.normalizer, state.params.policy)
    assert [parts.judge.score(policy) for _ in range(2)] == [score, score]


def test_what_chooses_the_best_is_not_what_measures_it(tiny_config):
    judge = _Parts.of(tiny_config).judge
    measured = jax.random.split(jax.random.PRNGKey(tiny_config.seed), 1000)
    assert not (judge._keys[:, None] == measured[None]).all(axis=-1).any()


def test_training_goes_on_while_a_checkpoint_is_written(tiny_config, tmp_path, monkeypatch):
    release, real = threading.Event(), checkpoints.save

    def slow(*arguments):
        assert release.wait(30)
        return real(*arguments)

    monkeypatch.setattr(saving.checkpoints, "save", slow)
    seen = []

    def on_progress(progress) -> None:
        seen.append(progress.env_steps)
        if progress.env_steps == 80:
            release.set()  # the first, begun at 40, has not been written yet

    train(with_checkpoints(tiny_config, every_iterations=1), tmp_path, "run", on_progress)
    assert seen == [40, 80, 120]


def test_what_is_saved_is_the_state_of_its_iteration(tiny_config, tmp_path, monkeypatch):
    """The next iteration overwrites the arrays of the last: a checkpoint must hold a copy."""
    real = saving.Saver._write

    def late(self, *arguments):
        time.sleep(0.5)
        real(self, *arguments)

    config = with_checkpoints(tiny_config, every_iterations=1, keep=9)
    train(config, tmp_path, "prompt")
    monkeypatch.setattr(saving.Saver, "_write", late)
    train(config, tmp_path, "late")
    for part in (
        f"checkpoints/{steps:012d}/{tree}" for steps in (40, 80) for tree in ("policy", "trainer")
    ):
        trees = [
            ocp.StandardCheckpointer().restore(tmp_path / run / part) for run in ("prompt", "late")
        ]
        jax.tree.map(np.testing.assert_array_equal, *trees)


def test_a_kill_in_the_middle_of_a_write_leaves_the_one_before_whole(tmp_path):
    command = [sys.executable, "-c", SLOW_SAVE, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert "writing\n" in iter(process.stdout.readline, "")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert list(tmp_path.glob(".writing-*"))
    assert [path.name for path in checkpoint_list.list_checkpoints(tmp_path)] == [f"{1:012d}"]
    import numpy as np

    like = {"a": np.zeros(6)}
    found = checkpoint_list.find_checkpoint(tmp_path, "latest")
    assert checkpoints.restore(found, "policy", like, "robot")["a"].tolist() == list(range(6))
    checkpoint_list.prune(tmp_path, keep=1)
    assert not list(tmp_path.glob(".writing-*"))


def test_what_a_job_raises_reaches_its_caller():
    background = Background()
    background.start(lambda: os.stat("/does/not/exist"))
    with pytest.raises(FileNotFoundError):
        background.finish()
    background.finish()


def test_jobs_run_one_after_the_other():
    background, order = Background(), []
    background.start(lambda: (time.sleep(0.1), order.append(1)))
    background.start(lambda: order.append(2))
    background.finish()
    assert order == [1, 2]
