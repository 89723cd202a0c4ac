"""Reading YAML safely, and remembering on which line each key stands.

The dialect is YAML 1.2's in what a plain word means: `1e-3` is a number, `yes`, `on` and
`2024-01-01` are text, and `3e6` is the whole number 3000000. Aliases and tags are refused, a
key may be set once, and lists become tuples, so that frozen models are frozen throughout.
"""

import math
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from wildrobot_cli.errors import ConfigError

MAX_BYTES = 1_000_000
"""The longest YAML file that is read."""

OVERRIDE = "--set "
"""How the origin of an overridden key begins."""

KeyPath = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
_TAGS = ("map", "seq", "str", "null", "bool", "int", "float")
_DIGITS = r"[0-9]+(?:_[0-9]+)*"
_PATTERNS = (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", rf"[-+]?{_DIGITS}|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        rf"[-+]?(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
)
_RESOLVERS: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
for _name, _pattern, _first in _PATTERNS:
    for _character in _first:
        _entry = (_TAG + _name, re.compile(rf"(?:{_pattern})\Z"))
        _RESOLVERS.setdefault(_character, []).append(_entry)


@dataclass(frozen=True)
class Document:
    """A YAML mapping, and where each of its keys was set."""

    source: str
    """What messages call it: the file as the user named it."""
    data: dict[str, Any]
    """The mapping, with lists as tuples."""
    origins: dict[KeyPath, str] = field(default_factory=dict)
    """Key path -> where it was set: `file:line`, or the text of an override."""

    def locate(self, path: KeyPath) -> str:
        """Return where `path`, or the nearest key above it, was set."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.origins:
                return self.origins[path[:length]]
        return self.source

    def locate_inside(self, path: KeyPath) -> str:
        """Return the last override of a key below `path`, else where `path` was set."""
        below = [where for key, where in self.origins.items() if key[: len(path)] == path]
        overrides = [where for where in below if where.startswith(OVERRIDE)]
        return overrides[-1] if overrides else self.locate(path)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = _RESOLVERS

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()
        if getattr(event, "anchor", None) is not None:
            problem = "anchors and aliases are not supported"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)
        return super().compose_node(parent, index)


class _Dumper(yaml.SafeDumper):
    yaml_implicit_resolvers = _RESOLVERS

    def represent_text(self, text: str) -> yaml.ScalarNode:
        style = '"' if any(mark in text for mark in "\x85\u2028\u2029") else None  # line breaks
        return self.represent_scalar(_TAG + "str", text, style=style)


_Dumper.add_representer(str, _Dumper.represent_text)


def read_yaml(path: str | Path, source: str | None = None) -> Document:
    """Read a YAML file whose top is a mapping.

    Args:
        path: the file, at most `MAX_BYTES` long, in UTF-8.
        source: what messages call the file; `path` where None.

    Raises:
        ConfigError: naming the file, and line and column where there are any.
    """
    source = printable(str(path) if source is None else source)
    text = _read_text(path, source)
    parser = _Parser(source)
    data = parser.parse(text, ())
    if data is None:
        raise ConfigError(f"{source}: expected a mapping, the file is empty")
    if not isinstance(data, dict):
        raise ConfigError(f"{source}: expected a mapping at the top, got {show(data)}")
    return Document(source, data, parser.origins)


def read_value(text: str, source: str, path: KeyPath = ()) -> Any:
    """Read one YAML value, such as `3`, `[0.1, 0.5]` or `{weight: 1}`, that belongs at `path`."""
    return _Parser(source, lines=False).parse(text, path)


def write_yaml(data: dict[str, Any]) -> str:
    """Return `data` as YAML that `read_yaml` reads back to the same values."""
    style: dict[str, Any] = {"sort_keys": False, "default_flow_style": None, "width": 100}
    return str(yaml.dump(data, Dumper=_Dumper, allow_unicode=True, **style))


def show(value: Any) -> str:
    """Return `value` as a message names it: short, on one line, in YAML's words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, tuple | list):
        text = f"[{', '.join(show(item) for item in value[:8])}{', ...' * (len(value) > 8)}]"
    else:
        text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def printable(text: str) -> str:
    """Return `text` on one line, with anything that is not Unicode escaped."""
    return " ".join(text.encode("utf-8", "backslashreplace").decode().split())


def dotted(path: KeyPath) -> str:
    """Return a key path as users write it: `env.rewards.alive`."""
    return ".".join(map(str, path))


def _read_text(path: str | Path, source: str) -> str:
    try:
        if os.path.isdir(path):
            raise ConfigError(f"{source}: expected a YAML file, this is a directory")
        with open(path, "rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{source}: no such file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{source}: cannot be read: {reason}") from None
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{source}: longer than {MAX_BYTES} bytes, not a configuration")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{source}:{line}: not UTF-8 text") from None


class _Parser:
    """Turns YAML text into plain values, and notes where each key was set."""

    def __init__(self, source: str, *, lines: bool = True) -> None:
        self.source = source
        self.lines = lines
        self.origins: dict[KeyPath, str] = {}

    def parse(self, text: str, path: KeyPath) -> Any:
        try:
            node = yaml.compose(text, Loader=_Loader)
            return None if node is None else self._value(node, path)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            column = f":{mark.column + 1}" if mark and self.lines else ""
            place = f"{self._place(mark.line if mark else 0)}{column}"
            problem = " ".join((error.problem or error.context or "syntax error").split())
            raise ConfigError(f"{place}: not valid YAML: {problem}") from None
        except yaml.reader.ReaderError as error:
            place = self._place(text.count("\n", 0, error.position))
            character = text[error.position : error.position + 1]
            raise ConfigError(f"{place}: not valid YAML: the character {character!r}") from None
        except RecursionError:
            raise ConfigError(f"{self.source}: nested too deeply") from None

    def _place(self, line: int) -> str:
        return f"{self.source}:{line + 1}" if self.lines else self.source

    def _error(self, node: yaml.Node, path: KeyPath, problem: str) -> ConfigError:
        parts = (self._place(node.start_mark.line), dotted(path), problem)
        return ConfigError(": ".join(part for part in parts if part))

    def _value(self, node: yaml.Node, path: KeyPath) -> Any:
        if node.tag.removeprefix(_TAG) not in _TAGS:
            raise self._error(node, path, f"the tag {node.tag} is not supported")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if isinstance(node, yaml.SequenceNode):
            return tuple(self._value(item, (*path, i)) for i, item in enumerate(node.value))
        assert isinstance(node, yaml.MappingNode)
        return self._mapping(node, path)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._value(key_node, path)
            if not isinstance(key, str):
                raise self._error(key_node, path, f"expected a word as key, got {show(key)}")
            if key in data:
                raise self._error(key_node, (*path, key), "set twice")
            self.origins[*path, key] = self._place(key_node.start_mark.line)
            data[key] = self._value(value_node, (*path, key))
        return data

    def _scalar(self, node: yaml.ScalarNode, path: KeyPath) -> Any:
        kind, text = node.tag.removeprefix(_TAG), str(node.value)
        if kind == "null":
            return None
        if kind == "bool" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kind in ("int", "float"):
            number = _number(kind, text)
            if number is None:
                expected = "a finite number" if kind == "float" else "a 64-bit whole number"
                raise self._error(node, path, f"expected {expected}, got {text:.40}")
            return number
        return text


def _number(kind: str, text: str) -> int | float | None:
    """Return the number that `text` writes, or None if it is none, or not finite, or huge."""
    try:
        if kind == "int":
            whole = int(text, 16 if text.startswith("0x") else 10)
            return whole if abs(whole) < 2**63 else None
        value = float(text.replace("_", "").replace(".", "", 1 if "n" in text.lower() else 0))
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    whole_number = "." not in text and value.is_integer() and abs(value) < 2**53
    return int(value) if whole_number else value
