"""From terms named in YAML to functions: names and parameters checked before anything runs."""

import inspect
from collections.abc import Callable, Mapping
from functools import partial
from math import isfinite
from typing import Any

from wildrobot_cli.config.environment import Term
from wildrobot_cli.errors import ConfigError, suggest
from wildrobot_cli.robot import Robot


def check_names(registry: Mapping[str, Any], terms: Mapping[str, Term], path: str) -> None:
    """Raise `ConfigError` for the first name that the registry lacks; `path` is the key path."""
    for name in terms:
        if name not in registry:
            raise ConfigError(f"{path}.{name}: no such term{suggest(name, registry)}")


def bind(
    registry: Mapping[str, Callable[..., Any]], terms: Mapping[str, Term], path: str, robot: Robot
) -> dict[str, Callable[..., Any]]:
    """Return each named term's function with its YAML parameters filled in.

    Raises:
        ConfigError: an unknown term, an unknown, missing or ill-typed parameter, or a joint
            group that the robot does not have.
    """
    check_names(registry, terms, path)
    return {
        name: _bind_one(registry[name], term, f"{path}.{name}", robot)
        for name, term in terms.items()
    }


def _bind_one(
    function: Callable[..., Any], term: Term, path: str, robot: Robot
) -> Callable[..., Any]:
    given = term.parameters
    expected = {
        p.name: p.annotation
        for p in inspect.signature(function).parameters.values()
        if p.kind is p.KEYWORD_ONLY
    }
    for name in given:
        if name not in expected:
            known = [*type(term).model_fields, *expected]
            raise ConfigError(f"{path}.{name}: unknown key{suggest(name, known)}")
    for name, kind in expected.items():
        if name not in given:
            raise ConfigError(f"{path}.{name}: missing; expected {_describe(kind)}")
        _check_value(given[name], kind, f"{path}.{name}")
    if "group" in expected and given["group"] not in robot.groups:
        hint = suggest(given["group"], robot.groups)
        hint = hint or f"; name it under groups in its YAML, or leave the term out: {path}=null"
        raise ConfigError(
            f"{path}.group: robot '{robot.name}' has no joint group '{given['group']}'{hint}"
        )
    return partial(function, **given) if given else function


def _check_value(value: Any, kind: Any, path: str) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    if (kind is float and not number) or (kind is str and not isinstance(value, str)):
        raise ConfigError(f"{path}: expected {_describe(kind)}, got {value!r}")
    if path.endswith(".sigma") and value <= 0:
        raise ConfigError(f"{path}: expected a number greater than 0, got {value!r}")


def _describe(kind: Any) -> str:
    return {float: "a number", str: "a name"}.get(kind, str(kind))
