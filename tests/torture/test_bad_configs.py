"""Generated bad configurations: each is refused with one message, and nothing is written."""

import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wildrobot_cli.cli.app import main
from wildrobot_cli.config.loader import read_yaml
from wildrobot_cli.config.resources import config_dir

DEFAULT = read_yaml(config_dir() / "ppo.yaml", "ppo.yaml").data


def leaves(data: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Every setting with its path; of the terms' own sections, each is one setting."""
    if not isinstance(data, dict) or not data:
        return [(path, data)]
    return [leaf for key, value in data.items() for leaf in leaves(value, (*path, key))]


LEAVES = [(path, value) for path, value in leaves(DEFAULT) if isinstance(value, int | float)]
NUMBERS = st.sampled_from(LEAVES).map(lambda leaf: ".".join(leaf[0]))
PATHS = st.sampled_from([".".join(path) for path, _ in leaves(DEFAULT)])
WORDS = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=2, max_size=12)

NOT_NUMBERS = st.one_of(
    WORDS.map(lambda word: f"x{word}"),
    st.sampled_from(
        [".nan", ".inf", "-.inf", "[1, [2]]", "{a: 1}", "!!python/object:os.x 1", '""']
    ),
)
OUT_OF_RANGE = {
    "ppo.discount": "1.5",
    "ppo.steps": "0",
    "ppo.clip": "-0.1",
    "ppo.mujoco.num_envs": "-8",
    "ppo.mujoco.num_minibatches": "3",
    "ppo.mjx.policy_hidden": "[]",
    "checkpoints.keep": "0",
    "checkpoints.every_seconds": "0",
    "checkpoints.rollouts": "-1",
    "eval.min_success_rate": "2",
    "env.substeps": "2.5",
    "env.commands.forward": "[0.5, 0.1]",
    "env.randomization.mass": "[0, 1]",
    "env.gait.swing_fraction": "1.0",
    "env.engine": "mujocco",
    "seed": "-1",
}


def assignment(key: st.SearchStrategy[str], value: st.SearchStrategy[str]) -> Any:
    return st.tuples(key, value).map("=".join)


BAD = st.one_of(
    assignment(NUMBERS, NOT_NUMBERS),
    assignment(PATHS.map(lambda path: f"{path}q"), st.just("{q: 1}")),
    assignment(WORDS.map(lambda word: f"no_{word}.x"), st.just("1")),
    st.sampled_from(sorted(OUT_OF_RANGE.items())).map("=".join),
    st.text(min_size=1, max_size=20).filter(lambda text: "=" not in text and text[0] != "-"),
    assignment(NUMBERS, st.sampled_from(["{", "[1", "'", "@", "a: b: c", "*x"])),
)
"""Overrides that no configuration takes."""


def taken(*_arguments: Any) -> None:
    """Stand where a run begins: what comes here was not refused."""
    raise AssertionError("the configuration was taken")


def refuse(override: str, folder: Any, capsys: Any) -> None:
    """Give an override to `wildrobot train`; see that it is refused as promised."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wildrobot_cli.training.trainer.create_run", taken)
        patch.chdir(folder)
        patch.setattr(sys, "argv", ["wildrobot", "train", f"--set={override}"])
        with pytest.raises(SystemExit) as exit_:
            main()
    shown = capsys.readouterr()
    assert exit_.value.code == 2, (override, shown)
    assert shown.err.startswith("error: ")
    assert len(shown.err) > 20
    assert "Traceback" not in shown.err
    assert "internal error" not in shown.err
    assert list(folder.iterdir()) == []


SETTINGS = {
    "deadline": None,
    "derandomize": True,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


@settings(max_examples=40, **SETTINGS)
@given(BAD)
def test_a_bad_override_is_refused(tmp_path, capsys, override):
    refuse(override, tmp_path, capsys)


@pytest.mark.torture
@settings(max_examples=300, **SETTINGS)
@given(BAD)
def test_300_bad_overrides_are_refused(tmp_path, capsys, override):
    refuse(override, tmp_path, capsys)


@pytest.mark.torture
@settings(max_examples=300, **SETTINGS)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode()))
def test_300_files_that_are_no_configuration_are_refused(tmp_path_factory, capsys, content):
    folder = tmp_path_factory.mktemp("files")
    file = folder / "bad.yaml"
    file.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wildrobot_cli.training.trainer.create_run", taken)
        patch.setattr(sys, "argv", ["wildrobot", "train", f"--config={file}", f"--runs={folder}"])
        with pytest.raises(SystemExit) as exit_:
            main()
    shown = capsys.readouterr()
    assert exit_.value.code == 2, (content, shown)
    assert shown.err.startswith("error: ")
    assert "Traceback" not in shown.err
    assert list(folder.iterdir()) == [file]
