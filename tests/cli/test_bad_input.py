"""Bad input: exit code 2, one message that helps, nothing written."""

import json
import re
import shutil

import pytest

from wildrobot_cli.config.resources import asset_dir


@pytest.fixture
def refused(command, tmp_path):
    """Run a command that must be refused in an empty folder; return its one message."""

    def run(*arguments: str, code: int = 2) -> str:
        before = sorted(tmp_path.rglob("*"))
        done = command(*arguments)
        assert done.code == code, done
        assert done.out.count("\n") <= 1, "work began before the input was judged"
        assert sorted(tmp_path.rglob("*")) == before
        assert done.err.startswith("error: ")
        assert "Traceback" not in done.err
        return done.err.removeprefix("error: ").strip()

    return run


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("ppo.epocs=3", "--set ppo.epocs=3: ppo.epocs: unknown key; did you mean 'epochs'?"),
        ("ppo.epochs=many", "--set ppo.epochs=many: ppo.epochs: expected a whole number"),
        ("ppo.discount=1.5", "--set ppo.discount=1.5: ppo.discount: expected a number"),
        ("ppo.epochs", "--set ppo.epochs: expected key.path=value"),
        ("env.rewards.alve={weight: 1}", "env.rewards.alve: no such term; did you mean 'alive'?"),
        ("env.terminations.tilted.limit=x", "env.terminations.tilted.limit: expected a number"),
    ],
)
def test_a_bad_override_names_the_key_and_what_was_expected(refused, override, message):
    assert message in refused("train", "--set", override)


def test_a_missing_config_lists_the_packaged_ones(refused):
    message = refused("train", "--config", "pppo.yaml")
    assert "pppo.yaml: no such configuration; did you mean 'ppo'?" in message


def test_a_config_of_a_users_own_is_blamed_by_line(refused, tmp_path):
    (tmp_path / "mine.yaml").write_text("seed: 0\nppo:\n  steps: -3\n")
    assert "mine.yaml:3: ppo.steps: expected" in refused("train", "--config", "mine.yaml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("- left_knee_pitch", "- left_kne_pitch", "did you mean 'left_knee_pitch'?"),
        ("imu_gyro", "imu_giro", "did you mean 'imu_gyro'?"),
        ("site: left_sole", "site: left_soul", "did you mean 'left_sole'?"),
        ("mjcf: wildrobot.xml", "mjcf: wildrobt.xml", "wildrobt.xml"),
    ],
)
def test_a_robot_yaml_that_does_not_fit_its_mjcf_names_what_is_missing(
    refused, tmp_path, old, new, message
):
    text = (asset_dir() / "wildrobot.yaml").read_text()
    assert old in text
    shutil.copy(asset_dir() / "wildrobot.xml", tmp_path)
    (tmp_path / "robot.yaml").write_text(text.replace(old, new, 1))
    assert message in refused("train", "--set", "env.robot=robot.yaml")


def test_an_mjcf_that_does_not_compile_gives_mujocos_reason(refused, tmp_path):
    shutil.copy(asset_dir() / "wildrobot.yaml", tmp_path / "robot.yaml")
    xml = (asset_dir() / "wildrobot.xml").read_text()
    (tmp_path / "wildrobot.xml").write_text(xml.replace('type="plane"', 'type="plain"', 1))
    message = refused("train", "--set", "env.robot=robot.yaml")
    assert "wildrobot.xml" in message
    assert re.search(r"plain|keyword", message)


def test_a_folder_that_is_no_run_is_refused(refused, tmp_path):
    (tmp_path / "stuff").mkdir()
    assert "not a run folder" in refused("eval", "stuff")


def test_a_missing_run_gets_the_nearest_one(refused, run, tmp_path):
    message = refused("eval", "tinny")
    assert message == "tinny: no such run; did you mean 'tiny'?"


def test_a_missing_run_of_a_name_elsewhere_gets_that_one(refused, run, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "tiny").rename(tmp_path / "runs" / "tiny")
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "config.yaml").touch()
    assert refused("eval", "tiny") == "tiny: no such run; did you mean 'runs/tiny'?"


def test_an_existing_run_name_is_refused(refused, run, tmp_path):
    message = refused("train", "--runs", ".", "--run", "tiny")
    assert message == "run 'tiny' already exists in ./; choose another --run name"


@pytest.mark.parametrize("name", ["a/b", "..", "", "-x", "a b"])
def test_an_unfit_run_name_is_refused(refused, name):
    assert "expected letters, digits" in refused("train", f"--run={name}")


def test_a_checkpoint_of_another_network_is_refused(refused, run):
    message = refused("eval", "tiny", "--set", "ppo.mujoco.policy_hidden=[16]")
    assert "of another shape" in message


def test_a_checkpoint_of_another_robot_is_refused(refused, run):
    manifest = next(run.checkpoints.glob("0*/manifest.json"))
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**content, "robot": "0" * 64}))
    assert "made for another robot" in refused("eval", "tiny")


def test_an_unknown_scenario_names_the_nearest(refused, run):
    message = refused("eval", "tiny", "--scenario", "flatt")
    assert message.startswith("flatt: no such scenario; did you mean 'flat'?")


def test_an_unknown_video_format_is_refused(refused, run):
    assert "expected a name that ends in .mp4, .gif" in refused("eval", "tiny", "--video", "a.avi")


def test_a_limit_that_is_not_positive_is_refused(refused):
    assert "--max-minutes: expected a number above 0" in refused("train", "--max-minutes=-1")


@pytest.mark.parametrize("engine", ["mujco", "mjx2"])
def test_an_unknown_engine_names_the_choices(refused, engine):
    assert "env.engine: expected" in refused("train", "--engine", engine)


def test_an_unwritable_results_file_is_found_before_the_work(refused, tmp_path):
    assert "no such folder" in refused("train", "--json", "nowhere/results.json", "--verify")


@pytest.mark.parametrize(
    ("option", "name"),
    [
        ("--seed=1", "--seed"),
        ("--steps=5", "--steps"),
        ("--set=a=1", "--set"),
        ("--config=ppo.yaml", "--config"),
        ("--runs=runs", "--runs"),
        ("--robot=wildrobot", "--robot"),
        ("--verify", "--verify"),
    ],
)
def test_a_resumed_run_keeps_its_configuration(refused, run, option, name):
    assert refused("train", "--resume", "tiny", option) == (
        f"{name} does not go with --resume: a run keeps its configuration"
    )


@pytest.mark.parametrize("option", ["--run=mine", "--runs=runs", "--max-minutes=1"])
def test_a_smoke_run_is_of_no_name_and_place(refused, option):
    assert refused("train", "--verify", option) == (
        f"{option.partition('=')[0]} does not go with --verify: "
        "a smoke run of seconds leaves nothing behind"
    )
