"""What pydantic found wrong, as messages for people."""

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from wildrobot_cli.config.document import Document, KeyPath, dotted, show
from wildrobot_cli.errors import suggest

MAX_ERRORS = 5
"""How many errors one message lists."""

_EXPECTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "bool_type": "true or false",
    "greater_than": "a number greater than {gt}",
    "greater_than_equal": "a number of at least {ge}",
    "less_than": "a number less than {lt}",
    "less_than_equal": "a number of at most {le}",
    "literal_error": "{expected}",
    "model_type": "a mapping",
    "dict_type": "a mapping",
    "tuple_type": "a list",
    "list_type": "a list",
    "too_short": "a list of length {min_length} or more",
    "too_long": "a list of length {max_length} or less",
}


def describe(error: ValidationError, model_class: type[BaseModel], document: Document) -> str:
    """Return one line for each thing that is wrong, at most `MAX_ERRORS` of them."""
    details = error.errors(include_url=False)
    misspelt = {
        (*detail["loc"][:-1], name)
        for detail in details
        if detail["type"] == "extra_forbidden"
        for name in _fields(annotation_at(model_class, detail["loc"][:-1]))
        if f"'{name}'" in _unknown(detail["loc"], model_class)
    }
    lines = [
        _line(detail, model_class, document)
        for detail in details
        if not (detail["type"] == "missing" and detail["loc"] in misspelt)
    ]
    if len(lines) > MAX_ERRORS:
        lines[MAX_ERRORS:] = [f"... and {len(lines) - MAX_ERRORS} more"]
    return "\n".join(dict.fromkeys(lines))


def annotation_at(annotation: Any, path: KeyPath) -> Any:
    """Return the annotation of what stands at `path` below `annotation`, None if nothing does."""
    for key in path:
        annotation = _child(_plain(annotation), key)
    return _plain(annotation)


def _line(detail: ErrorDetails, model_class: type[BaseModel], document: Document) -> str:
    path, kind, context = detail["loc"], detail["type"], detail.get("ctx", {})
    value = detail["input"]
    if kind == "missing" and isinstance(path[-1], int):
        path, kind = path[:-1], "tuple_length"
    if kind == "extra_forbidden":
        problem = _unknown(path, model_class)
    elif kind == "missing":
        problem = _missing(path, model_class)
    elif kind in ("value_error", "assertion_error"):
        name, colon, rest = str(context["error"]).partition(": ")
        below = (*path, *name.split("."))
        if colon and annotation_at(model_class, below) is not None:
            path, problem = below, rest
        else:
            return f"{document.locate_inside(path)}: {dotted(path)}: {context['error']}"
    else:
        problem = _mismatch(kind, context, value, detail["msg"], annotation_at(model_class, path))
    return ": ".join(part for part in (document.locate(path), dotted(path), problem) if part)


def _mismatch(
    kind: str,
    context: dict[str, Any],
    value: Any,
    message: str,
    annotation: Any,
) -> str:
    arguments = get_args(annotation)
    if get_origin(annotation) is tuple and kind in ("tuple_length", "too_long", "tuple_type"):
        expected = "a list" if Ellipsis in arguments else f"a list of length {len(arguments)}"
    elif kind in _EXPECTED:
        numbers = {k: show(int(v) if v == int(v) else v) for k, v in context.items() if _number(v)}
        expected = _EXPECTED[kind].format(**(context | numbers))
    else:
        return f"{message[:1].lower()}{message[1:]}, got {show(value)}"
    hint = ""
    if kind == "literal_error" and isinstance(value, str):
        hint = suggest(value, [choice for choice in arguments if isinstance(choice, str)])
        hint = hint if "did you mean" in hint else ""
    return f"expected {expected}, got {show(value)}{hint}"


def _unknown(path: KeyPath, model_class: type[BaseModel]) -> str:
    key = str(path[-1])
    elsewhere = [other for other in _paths(model_class) if other[-1] == key]
    hint = suggest(key, _fields(annotation_at(model_class, path[:-1])))
    if elsewhere and "did you mean" not in hint:
        hint = f"; did you mean '{dotted(elsewhere[0])}'?"
    return f"unknown key{hint}"


def _missing(path: KeyPath, model_class: type[BaseModel]) -> str:
    parent = annotation_at(model_class, path[:-1])
    info = parent.model_fields.get(path[-1]) if _is_model(parent) else None
    return f"missing ({info.description})" if info and info.description else "missing"


def _paths(model_class: type[BaseModel], above: KeyPath = ()) -> Iterator[KeyPath]:
    for name, info in model_class.model_fields.items():
        yield (*above, name)
        if _is_model(child := _plain(info.annotation)):
            yield from _paths(child, (*above, name))


def _fields(annotation: Any) -> list[str]:
    return list(annotation.model_fields) if _is_model(annotation) else []


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _plain(annotation: Any) -> Any:
    """Return the annotation without its `Annotated` wrapper and without `None`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _plain(get_args(annotation)[0])
    if origin in (Union, UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return _plain(kinds[0]) if len(kinds) == 1 else annotation
    return annotation


def _child(annotation: Any, key: str | int) -> Any:
    if _is_model(annotation):
        info = annotation.model_fields.get(key)
        return info.annotation if info else None
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal or not arguments:
        return None
    if origin is tuple and Ellipsis not in arguments:
        return arguments[key] if isinstance(key, int) and key < len(arguments) else None
    return arguments[1] if origin is dict else arguments[0]
