"""A simulation that fails is reset, counted and dumped; learning that fails stops the run."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_cli import Config, train
from wildrobot_cli.cli.replay_view import show_replay
from wildrobot_cli.commands.replay import replay
from wildrobot_cli.env.flight import Flight
from wildrobot_cli.errors import RunError
from wildrobot_cli.training import faults, trainer
from wildrobot_cli.training.checkpoint_list import list_checkpoints
from wildrobot_cli.training.faults import TrainingDiverged, read_dump
from wildrobot_cli.training.learner import Recording
from wildrobot_cli.training.run_folder import RunFolder

BURST = ("env.randomization.gain=[1.0e+6,1.0e+6]", "env.randomization.torque_limit=[1.0e+6,1.0e+6]")
"""Servos so strong that MuJoCo's simulation leaves the finite numbers."""


def metrics(run: RunFolder) -> list[dict]:
    return [json.loads(line) for line in run.metrics_file.read_text().splitlines()]


@pytest.fixture(scope="module")
def burst(tmp_path_factory, tiny_overrides, shared_programs):
    """A training whose simulations blow up, with what it said."""
    config = Config.from_file("ppo.yaml", (*tiny_overrides, *BURST))
    folder = tmp_path_factory.mktemp("burst")
    return train(config, folder, "burst"), RunFolder(folder / "burst")


def test_a_blown_up_simulation_is_counted_and_the_batch_goes_on(burst):
    result, run = burst
    assert result.finished
    assert sum(line["physics/faults"] for line in metrics(run)) > 0
    assert all(np.isfinite(line["loss/policy_loss"]) for line in metrics(run))


def test_a_sound_training_counts_no_faults_and_dumps_nothing(run):
    assert [line["physics/faults"] for line in metrics(run)] == [0, 0, 0]
    assert not run.faults.exists()


def test_dumps_hold_good_states_up_to_the_failing_step_and_are_bounded(burst):
    _, run = burst
    dumps = [read_dump(path) for path in run.faults.glob("*.npz")]
    assert 0 < len(dumps) <= faults.MAX_DUMPS
    for dump in dumps:
        assert 0 < len(dump.qpos) <= faults.STATES
        assert dump.reason == "the physics failed"
        assert np.isfinite(dump.qpos).all()
        assert len(dump.qpos) == len(dump.qvel) == len(dump.action) == len(dump.ctrl)


def recordings(lengths: int, fault_at: int, ended_at: list[int]) -> list[Recording]:
    """Unrolls of 5 steps of 2 environments; qpos counts the steps, and 1000 is environment 1."""
    steps = np.arange(5 * lengths, dtype=float)
    count = np.stack([steps, 1000 + steps])[:, :, None]
    ended = np.zeros((2, 5 * lengths), bool)
    ended[1, ended_at] = True
    fault = np.zeros((2, 5 * lengths), bool)
    fault[1, fault_at] = True
    flight = Flight(count, 10 * count, -count, fault)
    whole = Recording(flight, np.zeros(fault.shape), ended)
    return [
        jax.tree.map(lambda leaf, i=i: leaf[:, 5 * i : 5 * i + 5], whole) for i in range(lengths)
    ]


@pytest.mark.parametrize(
    ("lengths", "fault_at", "ended_at", "expected"),
    [
        (3, 12, [12], range(13)),
        (3, 12, [6, 12], range(7, 13)),
        (3, 14, [9, 14], range(10, 15)),
        (22, 107, [107], range(8, 108)),
    ],
)
def test_a_track_is_one_environments_own_episode(lengths, fault_at, ended_at, expected):
    found = faults._track(recordings(lengths, fault_at, ended_at), 1, fault_at % 5)
    assert found["qpos"][:, 0].tolist() == [1000 + step for step in expected]
    assert found["qvel"][-1, 0] == 10 * (1000 + fault_at)
    assert found["action"][-1, 0] == -(1000 + fault_at)


def test_a_dump_is_shown_with_its_last_steps(burst, capsys):
    _, run = burst
    path = next(iter(run.faults.glob("*.npz")))
    show_replay(path, None)
    shown = capsys.readouterr().out
    assert "the physics failed, in environment" in shown
    assert "fastest joint" in shown
    assert f"wildrobot replay {path} --video fault.gif" in shown


def test_a_replay_needs_no_engine(burst, monkeypatch):
    """A run that was trained with one that is not installed here can be looked at."""
    _, run = burst
    monkeypatch.setattr("wildrobot_cli.env.environment.make_engine", None)
    shown = replay(next(iter(run.faults.glob("*.npz"))))
    assert shown.dt == run.config.env.control_period
    assert shown.joint_pos.shape == (len(shown.dump.qpos), len(shown.joint_names))


def test_a_replay_is_a_gif_where_nothing_encodes_mp4_and_says_so(burst, tmp_path, monkeypatch):
    _, run = burst
    written = []
    monkeypatch.setattr(
        "wildrobot_cli.evaluation.video.find_spec", lambda name: name != "av" or None
    )
    replays = "wildrobot_cli.commands.replay.write_video"
    monkeypatch.setattr(replays, lambda path, *_: written.append(path))
    dump = next(iter(run.faults.glob("*.npz")))
    assert replay(dump, tmp_path / "fault.mp4").video == tmp_path / "fault.gif"
    assert written == [tmp_path / "fault.gif"]
    assert replay(dump).video is None


def test_what_is_no_dump_is_refused(run, tmp_path):
    (tmp_path / "x.npz").write_bytes(b"PK")
    with pytest.raises(RunError, match="not a dump of a failed simulation"):
        replay(tmp_path / "x.npz")
    with pytest.raises(RunError, match="no such file"):
        replay(tmp_path / "y.npz")


def test_a_dump_with_pickled_objects_is_refused(tmp_path):
    np.savez(tmp_path / "x.npz", qpos=np.array([{}], dtype=object))
    with pytest.raises(RunError, match="not a dump"):
        read_dump(tmp_path / "x.npz")


def test_a_training_names_the_dump_and_how_to_see_it(tiny_overrides, tmp_path, caplog):
    config = Config.from_file("ppo.yaml", (*tiny_overrides, *BURST))
    train(config, tmp_path, "burst")
    path = min((tmp_path / "burst" / "faults").glob("*.npz"))
    assert f"to see them: wildrobot replay {path}; the others go on" in caplog.text
    assert "holds 10 dumps: no more" in caplog.text


@pytest.mark.long
def test_a_gradient_that_is_not_finite_stops_before_it_is_saved(tiny_config, tmp_path, monkeypatch):
    """The loss is finite, its gradient is not, as of a square root at zero; one update alone."""
    from brax.training.agents.ppo import losses

    real = losses.compute_ppo_loss

    def planted(params, *arguments, **options):
        loss, parts = real(params, *arguments, **options)
        weight = params.policy["params"]["hidden_0"]["kernel"][0, 0]
        return loss + jnp.sqrt(weight - weight), parts

    monkeypatch.setattr(losses, "compute_ppo_loss", planted)
    batch = tiny_config.ppo.mujoco.model_copy(update={"num_minibatches": 1})
    changed = tiny_config.ppo.model_copy(update={"epochs": 1, "mujoco": batch})
    config = tiny_config.model_copy(update={"ppo": changed})
    with pytest.raises(TrainingDiverged, match="loss/parameter_norm became nan") as error:
        train(config, tmp_path, "nan")
    run = RunFolder(tmp_path / "nan")
    assert error.value.exit_code == 1
    assert not list_checkpoints(run.checkpoints)
    (path,) = run.faults.glob("*.npz")
    assert f"wildrobot replay {path}" in str(error.value)
    assert json.loads(run.metrics_file.read_text())["loss/parameter_norm"] is None
    assert read_dump(path).reason == "loss/parameter_norm became nan"


@pytest.mark.long
def test_a_loss_that_is_not_finite_leaves_the_last_checkpoint_whole(
    tiny_config, tmp_path, monkeypatch
):
    real, losses = trainer.on_host, iter([0.1, float("nan")])

    def planted(*arguments):
        metrics, spreads = real(*arguments)
        return metrics | {"loss/policy_loss": next(losses)}, spreads

    monkeypatch.setattr(trainer, "on_host", planted)
    settings = tiny_config.checkpoints.model_copy(update={"every_iterations": 1})
    config = tiny_config.model_copy(update={"checkpoints": settings})
    with pytest.raises(TrainingDiverged, match="What was saved before is whole"):
        train(config, tmp_path, "wild")
    (checkpoint,) = list_checkpoints(tmp_path / "wild" / "checkpoints")
    assert int(checkpoint.name) == 40
