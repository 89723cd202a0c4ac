from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wildrobot_cli.config.document import MAX_BYTES, read_value, read_yaml, write_yaml
from wildrobot_cli.errors import ConfigError


def written(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "file.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def message(path: Path | str) -> str:
    """The message of reading a file that must not be read."""
    with pytest.raises(ConfigError) as caught:
        read_yaml(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", ": expected a mapping, the file is empty"),
        ("# nothing\n", ": expected a mapping, the file is empty"),
        ("- 1\n- 2\n", ": expected a mapping at the top, got [1, 2]"),
        ("word", ": expected a mapping at the top, got 'word'"),
        ("a: 1\nb: [1\n", ":3:1: not valid YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: b: c", ":1:5: not valid YAML: mapping values are not allowed here"),
        ("a: 1\n---\nb: 2\n", ":2:1: not valid YAML: but found another document"),
        ("a: &x [1]\nb: *x\n", ":1:4: not valid YAML: anchors and aliases are not supported"),
        ("a: 1\na: 2\n", ":2: a: set twice"),
        (b"seed: 1\nname: \xff\n", ":2: not UTF-8 text"),
        (b"seed: 1\nname: \x00\n", r":2: not valid YAML: the character '\x00'"),
        ("[" * 5000, ": nested too deeply"),
        ("a: " + "x" * MAX_BYTES, ": longer than 1000000 bytes, not a configuration"),
    ],
)
def test_damaged_file_is_named_in_one_line(content, problem, tmp_path):
    path = written(tmp_path, content)
    assert message(path) == f"{path}{problem}"


def test_alias_bomb_is_refused_at_once(tmp_path):
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 64)]
    assert "aliases are not supported" in message(written(tmp_path, "\n".join(lines)))


def test_folder_and_unreadable_file_are_named(tmp_path):
    assert message(tmp_path) == f"{tmp_path}: expected a YAML file, this is a directory"
    assert message("nowhere.yaml") == "nowhere.yaml: no such file"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("1.0e-3", 0.001),
        ("3e6", 3_000_000),
        ("3_000_000", 3_000_000),
        ("010", 10),
        ("0x10", 16),
        ("-.5", -0.5),
        ("1.", 1.0),
        ("yes", "yes"),
        ("off", "off"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("'3'", "3"),
        ("True", True),
        ("~", None),
        ("[1, 2.0]", (1, 2.0)),
    ],
)
def test_plain_words_mean_what_they_look_like(text, value):
    read = read_value(text, "test")
    assert read == value
    assert type(read) is type(value)


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=("Cs",)))
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


def as_lists(value):
    if isinstance(value, tuple):
        return [as_lists(item) for item in value]
    if isinstance(value, dict):
        return {key: as_lists(item) for key, item in value.items()}
    return value


@given(st.dictionaries(st.text(max_size=5), values, max_size=4))
def test_written_yaml_reads_back_to_the_same_values(data):
    read = as_lists(read_value(write_yaml(data), "test"))
    assert read == data
    assert repr(read) == repr(data)


@given(st.text())
def test_any_text_is_read_or_refused_with_one_line(text):
    try:
        read_value(text, "test")
    except ConfigError as error:
        assert str(error).startswith("test")
        assert "\n" not in str(error)
