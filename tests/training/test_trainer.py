"""A training leaves a complete, readable run, and the same one each time."""

import json
import math
import subprocess

import pytest

from wildrobot_cli import Config, train
from wildrobot_cli.errors import ConfigError
from wildrobot_cli.training import run_folder, trainer
from wildrobot_cli.training.checkpoint_list import list_checkpoints
from wildrobot_cli.training.faults import TrainingDiverged
from wildrobot_cli.training.run_folder import RunFolder


def test_steps_are_rounded_up_to_whole_iterations(trained):
    result, _ = trained
    assert result.env_steps == 120
    assert result.finished


def test_progress_is_reported_after_every_iteration(trained):
    _, seen = trained
    assert [p.env_steps for p in seen] == [40, 80, 120]
    assert {p.total_steps for p in seen} == {120}
    assert seen[-1].seconds_left == 0
    assert all(p.steps_per_s > 0 for p in seen)


def test_metrics_have_a_line_for_each_iteration_with_every_reward_term(run, tiny_config):
    lines = [json.loads(line) for line in run.metrics_file.read_text().splitlines()]
    assert [line["env_steps"] for line in lines] == [40, 80, 120]
    for name in tiny_config.env.rewards:
        assert all(math.isfinite(line[f"reward/{name}"]) for line in lines)
    assert {"episode/reward", "velocity_error", "loss/policy_loss"} <= lines[0].keys()


def test_tensorboard_events_lie_beside_the_metrics(run):
    assert list((run.path / "tensorboard").glob("events.out.tfevents.*"))


def test_the_resolved_config_loads_back_equal(run, tiny_config):
    assert run.config == tiny_config


def test_provenance_names_versions_engine_and_device(run):
    provenance = json.loads(run.provenance_file.read_text())
    assert provenance["engine"] == "mujoco"
    assert provenance["versions"]["mujoco"]
    assert provenance["device"]


def test_the_commit_of_a_strangers_checkout_is_none_of_ours(tmp_path, monkeypatch):
    """Installed into somebody's project, this package lies in a checkout that is not its own."""
    module = tmp_path / "run_folder.py"
    module.touch()
    monkeypatch.setattr(run_folder, "__file__", str(module))
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    for arguments in (["init"], ["commit", "--allow-empty", "-m", "theirs"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
    assert run_folder._git_commit() is None
    for arguments in (["add", "run_folder.py"], ["commit", "-m", "ours"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
    assert len(run_folder._git_commit()) == 40


def test_the_config_says_what_made_the_run(run, tiny_config):
    head = [line for line in run.config_file.read_text().splitlines() if line.startswith("# ")]
    told = {key: json.loads(value) for key, value in (line[2:].split(": ", 1) for line in head)}
    assert told == json.loads(run.provenance_file.read_text())
    assert {"versions", "git_commit", "engine", "device", "seed"} <= told.keys()
    assert told["seed"] == tiny_config.seed
    assert told["same_seed_gives_same_parameters"] is True


def test_on_a_gpu_a_run_does_not_promise_the_same_bits(monkeypatch):
    monkeypatch.setattr("jax.default_backend", lambda: "gpu")
    assert trainer._reproducible() is False


def test_summary_has_the_promised_keys(run, trained):
    summary = json.loads(run.summary_file.read_text())
    promised = "env_steps wall_s train_s compile_s env_steps_per_s engine device params_sha256"
    assert {*promised.split(), "finished", "eval"} <= summary.keys()
    assert summary["params_sha256"] == trained[0].params_sha256


def test_the_last_checkpoint_holds_the_last_step(run):
    assert [int(path.name) for path in list_checkpoints(run.checkpoints)] == [120]


@pytest.mark.long
def test_the_same_seed_gives_the_same_parameters_for_any_number_of_threads(
    trained, tiny_config, tmp_path
):
    env = tiny_config.env
    for count in (1, 3):
        threads = env.mujoco.model_copy(update={"threads": count})
        config = tiny_config.model_copy(update={"env": env.model_copy(update={"mujoco": threads})})
        again = train(config, tmp_path, f"threads-{count}")
        assert again.params_sha256 == trained[0].params_sha256


def test_another_seed_gives_other_parameters(trained, tiny_config, tmp_path):
    other = train(tiny_config.model_copy(update={"seed": 1}), tmp_path, "other")
    assert other.params_sha256 != trained[0].params_sha256


def test_max_minutes_ends_a_training_early_and_says_so(tiny_config, tmp_path):
    result = train(tiny_config, tmp_path, "short", max_minutes=1e-9)
    assert not result.finished
    assert result.env_steps == 0
    assert list_checkpoints(RunFolder(tmp_path / "short").checkpoints)


@pytest.mark.long
def test_a_diverged_loss_stops_before_it_is_saved(tiny_config, tmp_path):
    ppo = tiny_config.ppo.model_copy(update={"reward_scale": 1e30})
    config = tiny_config.model_copy(update={"ppo": ppo})
    with pytest.raises(TrainingDiverged, match="What was saved before is whole"):
        train(config, tmp_path, "diverged")
    assert not list_checkpoints(tmp_path / "diverged" / "checkpoints")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("env.rewards.alve={weight: 1}", "env.rewards.alve: no such term; did you mean 'alive'?"),
        (
            "env.rewards.track_velocity.sgma=1",
            "env.rewards.track_velocity.sgma: unknown key; did you mean 'sigma'?",
        ),
        ("env.robot=wildrobt", "wildrobt: no such robot; did you mean 'wildrobot'?"),
    ],
)
def test_what_only_the_environment_can_judge_is_refused_before_anything_is_written(
    tmp_path, override, message
):
    config = Config.from_file("ppo.yaml", (override,))
    with pytest.raises(ConfigError) as error:
        train(config, tmp_path / "runs", "bad")
    assert message in str(error.value)
    assert not (tmp_path / "runs").exists()


def test_a_run_finds_its_robot_and_clips_from_anywhere(tmp_path, monkeypatch, biped):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clips").mkdir()
    (tmp_path / "mine.yaml").write_text(biped.read_text())
    overrides = ("env.robot=mine.yaml", "env.reference.library=clips")
    env = trainer._movable(Config.from_file("ppo_amp.yaml", overrides)).env
    assert env.robot == str(tmp_path / "mine.yaml")
    assert env.reference.library == str(tmp_path / "clips")
    packaged = Config.from_file("ppo_amp.yaml")
    assert trainer._movable(packaged) == packaged


def test_an_existing_run_is_never_overwritten(run, tiny_config):
    with pytest.raises(ConfigError, match="run 'tiny' already exists"):
        train(tiny_config, run.path.parent, "tiny")
