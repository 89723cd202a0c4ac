"""A file with a base says only how it differs; messages name the file that set a key."""

import pytest

from wildrobot_cli import Config
from wildrobot_cli.errors import ConfigError


@pytest.fixture
def write(tmp_path):
    def write(name: str, text: str) -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


def test_what_is_not_said_is_the_bases(write):
    mine = Config.from_file(write("mine.yaml", "base: ppo.yaml\nseed: 3\n"))
    assert mine == Config.from_file("ppo.yaml", ("seed=3",))


def test_sections_merge_and_everything_else_is_replaced(write):
    text = """
base: ppo
env:
  commands: {forward: [0.0, 0.3]}
  rewards:
    torque_l2: {weight: -0.5}
    track_stride: null
"""
    mine, below = Config.from_file(write("mine.yaml", text)).env, Config.from_file("ppo.yaml").env
    assert mine.commands == below.commands.model_copy(update={"forward": (0.0, 0.3)})
    assert mine.rewards["torque_l2"].weight == -0.5
    assert set(below.rewards) - set(mine.rewards) == {"track_stride"}
    assert mine.rewards["track_velocity"] == below.rewards["track_velocity"]


def test_a_chain_of_bases_ends(write):
    write("lower.yaml", "base: mine.yaml\n")
    with pytest.raises(ConfigError, match="more than 8 files on top of one another"):
        Config.from_file(write("mine.yaml", "base: lower.yaml\n"))


def test_a_base_may_have_a_base_and_lies_beside_the_file(write):
    write("lower.yaml", "base: ppo.yaml\nseed: 3\n")
    assert Config.from_file(write("upper.yaml", "base: lower.yaml\n")).seed == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("base: pppo.yaml\n", "mine.yaml:1: base: pppo.yaml: no such configuration; did you mean"),
        ("base: 3\n", "mine.yaml:1: base: expected a file name, got 3"),
        ("base: mine.yaml\n", "mine.yaml:1: base: mine.yaml is this file itself; rename it"),
        ("base: ppo.yaml\nseeed: 1\n", "mine.yaml:2: seeed: unknown key; did you mean 'seed'?"),
        ("base: lower.yaml\n", "lower.yaml:2: ppo.epochs: expected a number of at least 1, got -1"),
    ],
)
def test_messages_name_the_file_and_line(write, text, message):
    write("lower.yaml", "base: ppo.yaml\nppo: {epochs: -1}\n")
    with pytest.raises(ConfigError) as error:
        Config.from_file(write("mine.yaml", text))
    assert message in str(error.value)
