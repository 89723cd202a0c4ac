import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import Field

from wildrobot_cli.config import (
    Config,
    EnvConfig,
    Model,
    config_dir,
    dump,
    find,
    packaged,
    read_yaml,
    validate,
)
from wildrobot_cli.config.document import read_value
from wildrobot_cli.errors import ConfigError

PPO = (config_dir() / "ppo.yaml").read_text(encoding="utf-8")


def edited(tmp_path: Path, pattern: str, replacement: str) -> tuple[Path, int]:
    """Write ppo.yaml with its first match of `pattern` replaced; return it and the match's line."""
    match = re.search(pattern, PPO, re.MULTILINE)
    assert match, pattern
    path = tmp_path / "edited.yaml"
    path.write_text(PPO[: match.start()] + replacement + PPO[match.end() :], encoding="utf-8")
    return path, PPO.count("\n", 0, match.start()) + 1


def message(path: Path | str, *overrides: str) -> str:
    """The message of loading a configuration that must not load."""
    with pytest.raises(ConfigError) as caught:
        Config.from_file(path, overrides)
    return str(caught.value)


# What loads.


@pytest.mark.parametrize("name", packaged(config_dir()))
def test_packaged_config_loads_by_name_and_round_trips(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = Config.from_file(name)
    assert Config.from_file(f"{name}.yaml") == config
    text = dump(config)
    (tmp_path / "dumped.yaml").write_text(text, encoding="utf-8")
    again = Config.from_file("dumped.yaml")
    assert again == config
    assert dump(again) == text


def test_dump_keeps_schema_order_and_term_order():
    data = read_value(dump(Config.from_file("ppo")), "dump")
    assert list(data) == list(Config.model_fields)
    assert list(data["env"]) == list(EnvConfig.model_fields)
    assert list(data["env"]["rewards"]) == list(EnvConfig.from_file("ppo").rewards)


def test_config_is_frozen_throughout():
    config = Config.from_file("ppo")
    assert isinstance(config.ppo.mujoco.policy_hidden, tuple)
    with pytest.raises(ValueError, match="frozen"):
        config.seed = 3


def test_file_in_the_current_folder_goes_before_a_packaged_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ppo.yaml").write_text(PPO.replace("seed: 0", "seed: 41"), encoding="utf-8")
    assert Config.from_file("ppo.yaml").seed == 41
    assert Config.from_file("ppo").seed == 0


def test_folder_named_like_a_packaged_config_does_not_hide_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ppo").mkdir()
    assert Config.from_file("ppo").seed == 0


def test_importing_the_config_loads_nothing_heavy():
    code = (
        "import sys, wildrobot_cli.config\n"
        "sys.exit(' '.join({'jax', 'mujoco', 'brax', 'numpy'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


# Overrides.


def test_overrides_apply_in_order_after_the_file():
    config = Config.from_file("ppo", ("ppo.steps=10", "ppo.steps=2e6", "env.engine=mjx"))
    assert config.ppo.steps == 2_000_000
    assert config.env.engine == "mjx"


@pytest.mark.parametrize(
    "overrides",
    [
        ("env.rewards.new_term={weight: 2, sigma: 1e-3}",),
        ("env.rewards.new_term.weight=2", "env.rewards.new_term.sigma=1e-3"),
        ("env.rewards.new_term=null", "env.rewards.new_term={weight: 2.0, sigma: 0.001}")[1:],
    ],
)
def test_override_adds_a_term(overrides):
    term = Config.from_file("ppo", overrides).env.rewards["new_term"]
    assert (term.weight, term.parameters) == (2.0, {"sigma": 0.001})


def test_override_of_a_weight_keeps_the_parameters():
    before = Config.from_file("ppo").env.rewards["track_velocity"]
    after = Config.from_file("ppo", ("env.rewards.track_velocity.weight=7",))
    term = after.env.rewards["track_velocity"]
    assert (term.weight, term.parameters) == (7.0, before.parameters)


def test_null_removes_a_term(tmp_path):
    assert "alive" not in Config.from_file("ppo", ("env.rewards.alive=null",)).env.rewards
    path, _ = edited(tmp_path, r"alive: .*", "alive: null")
    config = Config.from_file(path)
    assert "alive" not in config.env.rewards
    assert Config.from_file(path, ("env.rewards.alive.weight=1",)).env.rewards["alive"].weight == 1


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("ppo.epocs=3", "ppo.epocs: unknown key; did you mean 'epochs'?"),
        ("pppo.epochs=3", "pppo: unknown key; did you mean 'ppo'?"),
        ("steps=3", "steps: unknown key; did you mean 'ppo.steps'?"),
        ("env.gait.zzz=3", "env.gait.zzz: unknown key; valid: frequency, swing_fraction"),
        ("ppo.epochs=true", "ppo.epochs: expected a whole number, got true"),
        ("ppo.epochs=2.5", "ppo.epochs: expected a whole number, got 2.5"),
        ("ppo.epochs=abc", "ppo.epochs: expected a whole number, got 'abc'"),
        ("ppo.epochs=null", "ppo.epochs: expected a whole number, got nothing"),
        ("ppo.epochs=0", "ppo.epochs: expected a number of at least 1, got 0"),
        ("ppo.clip='3'", "ppo.clip: expected a number, got '3'"),
        ("ppo.clip=true", "ppo.clip: expected a number, got true"),
        ("ppo.clip=0", "ppo.clip: expected a number greater than 0, got 0"),
        ("ppo.clip=.nan", "ppo.clip: expected a finite number, got .nan"),
        ("ppo.clip=1e999", "ppo.clip: expected a finite number, got 1e999"),
        ("ppo.discount=1.5", "ppo.discount: expected a number of at most 1, got 1.5"),
        ("seed=2147483648", "seed: expected a number less than 2147483648, got 2147483648"),
        ("seed=99999999999999999999", "seed: expected a 64-bit whole number, got " + "9" * 20),
        ("env.robot=3", "env.robot: expected text, got 3"),
        (
            "env.engine=mujco",
            "env.engine: expected 'auto', 'mujoco' or 'mjx', got 'mujco'; did you mean 'mujoco'?",
        ),
        (
            "ppo.normalize_observations=yes",
            "ppo.normalize_observations: expected true or false, got 'yes'",
        ),
        (
            "env.commands.forward=[1, 2, 3]",
            "env.commands.forward: expected a list of length 2, got [1, 2, 3]",
        ),
        ("env.commands.forward=[1]", "env.commands.forward: expected a list of length 2, got [1]"),
        ("env.commands.forward=1", "env.commands.forward: expected a list of length 2, got 1"),
        ("env.commands.forward=[a, 1]", "env.commands.forward.0: expected a number, got 'a'"),
        (
            "env.commands.forward=[2, 1]",
            "env.commands.forward: the lowest value 2.0 is above the highest 1.0",
        ),
        (
            "ppo.mujoco.policy_hidden=[]",
            "ppo.mujoco.policy_hidden: expected a list of length 1 or more, got []",
        ),
        (
            "env.terrain={slope: [0, 5]}",
            "env.terrain.slope: expected at most 0.79 [rad], got 5.0",
        ),
        (
            "ppo.mujoco.num_envs=3",
            "ppo.mujoco: num_envs (3) must be a multiple of num_minibatches (4)",
        ),
        (
            "env.episode_length=0.01",
            "env.episode_length: expected at least control_period, 0.02, got 0.01",
        ),
        (
            "ppo.episode_length=0.01",
            "ppo.episode_length: expected at least env.control_period, 0.02, got 0.01",
        ),
        (
            "checkpoints.rollout_length=0.01",
            "checkpoints.rollout_length: expected at least env.control_period, 0.02, got 0.01",
        ),
        ("ppo=3", "ppo: expected a mapping, got 3"),
        ("ppo.epochs.x=3", "ppo.epochs: not a section, its value is 4"),
        ("env.rewards=null", "env.rewards: expected a mapping, got nothing"),
        ("env.rewards.alive=3", "env.rewards.alive: expected a mapping, got 3"),
        ("env.rewards.alive.weight=a", "env.rewards.alive.weight: expected a number, got 'a'"),
        ("env.rewards.alive.x=.inf", "env.rewards.alive.x: expected a finite number, got .inf"),
        ("env.rewards.alvie=null", "env.rewards.alvie: no such term; did you mean 'alive'?"),
        (
            "env.rewards.alive={}",
            "env.rewards.alive.weight: missing (Factor of the term in the summed reward [1/s].)",
        ),
        ("ppo.epochs=[1", "not valid YAML: expected ',' or ']', but got '<stream end>'"),
        ("ppo.epochs", "expected key.path=value"),
        ("=3", "expected key.path=value"),
        ("ppo..epochs=3", "expected key.path=value"),
        ("ppo.epochs=", "expected key.path=value"),
    ],
)
def test_wrong_override_is_named_with_what_was_expected(override, problem):
    assert message("ppo", override) == f"--set {override}: {problem}"


def test_what_equal_factors_never_reach_is_refused():
    problem = "ppo: final_learning_rate must be above 0: equal factors never reach it"
    overrides = ("ppo.final_learning_rate=0", "ppo.learning_rate_decay=exponential")
    assert message("ppo", *overrides) == f"--set {overrides[1]}: {problem}"


# Files that do not fit.


@pytest.mark.parametrize(
    ("pattern", "replacement", "problem"),
    [
        (r"epochs: 4", "epocs: 4", "ppo.epocs: unknown key; did you mean 'epochs'?"),
        (
            r"control_period: \S+",
            "control_period: -1",
            "env.control_period: expected a number greater than 0, got -1",
        ),
        (r"\bsteps: \d+", "steps: abc", "ppo.steps: expected a whole number, got 'abc'"),
        (
            r"gyro: {}",
            "gyro: {scale: [1]}",
            "env.observations.gyro.scale: expected a number, got [1]",
        ),
        (r"epochs: 4", "steps: 4", "ppo.steps: set twice"),
        (r"clip: \S+", "clip: .inf", "ppo.clip: expected a finite number, got .inf"),
        (r"clip: \S+", "clip: !!python/object:os.system x", "ppo.clip: the tag "),
        (r"clip: \S+", "4: 0.2", "ppo: expected a word as key, got 4"),
        (r"clip: \S+", "[a, b]: 0.2", "ppo: expected a word as key, got ['a', 'b']"),
    ],
)
def test_wrong_value_is_named_with_file_line_and_key(pattern, replacement, problem, tmp_path):
    path, line = edited(tmp_path, pattern, replacement)
    text = message(path)
    assert text.startswith(f"{path}:{line}: {problem}")
    assert "\n" not in text


def test_missing_key_is_named_at_its_section(tmp_path):
    path, line = edited(tmp_path, r"^ppo:\n  steps: .*\n", "ppo:\n")
    doc = "Control steps to train for, over all environments."
    assert message(path) == f"{path}:{line}: ppo.steps: missing ({doc})"


def test_all_errors_are_listed_up_to_five():
    names = ("epochs", "clip", "steps", "entropy", "discount", "gae_lambda", "reward_scale")
    text = message("ppo", *[f"ppo.{name}=-1" for name in names])
    assert len(text.splitlines()) == 6
    assert text.endswith("\n... and 2 more")


def test_error_in_a_packaged_file_is_named_by_its_file_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = read_yaml(*find("ppo", config_dir(), "configuration"))
    assert data.locate(("seed",)) == "ppo.yaml:2"


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 5000, "no/such/ppo.yaml", "../ppo", "ppo.yml"])
def test_missing_config_lists_the_packaged_ones(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = message(name)
    assert "no such configuration" in text
    assert "ppo" in text.split("no such configuration")[1]


def test_nearest_packaged_config_is_suggested():
    assert message("pppo").startswith("pppo: no such configuration; did you mean 'ppo'?")


# Validation for other models, such as the robot's.


class Part(Model):
    size: float = Field(gt=0)
    """Size [m]."""
    note: str | None = None
    """Remark."""


class Whole(Model):
    parts: dict[str, Part]
    """Parts by name."""
    pair: tuple[Part, ...] = ()
    """More parts."""


def test_plain_mapping_is_validated_under_the_name_given():
    assert validate(Whole, {"parts": {"a": {"size": 1}}, "pair": [{"size": 2}]}).pair[0].size == 2
    with pytest.raises(ConfigError) as caught:
        validate(Whole, {"parts": {"a": {"sise": 1}}, "pair": [{"size": 0}]}, "thing.yaml")
    assert str(caught.value).splitlines() == [
        "thing.yaml: parts.a.sise: unknown key; did you mean 'size'?",
        "thing.yaml: pair.0.size: expected a number greater than 0, got 0",
    ]
