"""The only loader: finds a YAML file, lays it over its base, applies overrides, validates.

An override is `key.path=value`, with the value in YAML. It replaces what the file says there,
or adds a term, `env.rewards.alive={weight: 1}`. A term that is set to null, in the file or by
an override, is removed.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from wildrobot_cli.config.document import (
    OVERRIDE,
    Document,
    dotted,
    printable,
    read_value,
    read_yaml,
    show,
    write_yaml,
)
from wildrobot_cli.config.inheritance import laid_over, with_base
from wildrobot_cli.config.messages import annotation_at, describe
from wildrobot_cli.config.resources import config_dir
from wildrobot_cli.errors import ConfigError, suggest

__all__ = ["Document", "dump", "find", "load", "packaged", "read", "read_yaml", "validate"]

ModelT = TypeVar("ModelT", bound=BaseModel)


def load(
    model_class: type[ModelT],
    name_or_path: str | Path,
    overrides: Iterable[str] = (),
    layer: Document | None = None,
) -> ModelT:
    """Load a configuration from a path, or by name among the packaged ones.

    Args:
        model_class: the model that the file must fit.
        name_or_path: a YAML file, or the name of a packaged one, `.yaml` optional.
        overrides: assignments such as `ppo.steps=100000`, applied in order.
        layer: laid over the file as the file is over its base, beneath the overrides.

    Raises:
        ConfigError: naming the file, the key path, what was expected and what was found.
    """
    document = read(name_or_path, config_dir(), "configuration")
    if layer is not None:
        document = laid_over(document, layer)
    for text in overrides:
        _override(document, text, model_class)
    return validate(model_class, document)


def read(name_or_path: str | Path, folder: Path, kind: str) -> Document:
    """Read a YAML file, found as `find` does, laid over its bases.

    Raises:
        ConfigError: it is missing, not YAML, or one of its bases is.
    """

    def read_one(name_or_path: str | Path) -> tuple[Path, Document]:
        path, source = find(name_or_path, folder, kind)
        return path, read_yaml(path, source)

    return with_base(*read_one(name_or_path), read_one)


def validate(
    model_class: type[ModelT], data: Document | Mapping[str, Any], source: str = "configuration"
) -> ModelT:
    """Turn a document, or a plain mapping that messages call `source`, into its model.

    Raises:
        ConfigError: one line for each thing that is wrong.
    """
    document = data if isinstance(data, Document) else Document(source, _frozen(data))
    try:
        return model_class.model_validate(_without_nulls(document.data, model_class), strict=True)
    except ValidationError as error:
        raise ConfigError(describe(error, model_class, document)) from None


def dump(config: BaseModel) -> str:
    """Return a configuration as YAML that loads back to an equal one, in the schema's order."""
    return write_yaml(config.model_dump(mode="json"))


def find(name_or_path: str | Path, folder: Path, kind: str) -> tuple[Path, str]:
    """Find a YAML file by path, else by name among those in `folder`, `.yaml` optional.

    Args:
        name_or_path: what the user gave.
        folder: where the packaged files lie.
        kind: what messages call such a file: `configuration`, `robot`.

    Returns:
        The file, and what messages call it.

    Raises:
        ConfigError: listing the packaged names, the nearest first.
    """
    text = os.fspath(name_or_path)
    if os.path.isfile(text):
        return Path(text), text
    names = packaged(folder)
    stem = text.removesuffix(".yaml")
    if stem in names:
        return folder / f"{stem}.yaml", f"{stem}.yaml"
    if os.path.exists(text):
        return Path(text), text
    hint = suggest(stem, names)
    listed = "" if hint.startswith("; valid") else f" (packaged: {', '.join(names)})"
    raise ConfigError(f"{printable(text)}: no such {kind}{hint}{listed}")


def packaged(folder: Path) -> list[str]:
    """Return the names of the YAML files in `folder`, sorted."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def _override(document: Document, text: str, model_class: type[BaseModel]) -> None:
    """Apply one override to a document, in place."""
    source = OVERRIDE + printable(text)
    key, equals, value_text = text.partition("=")
    path = tuple(part.strip() for part in key.split("."))
    if not equals or not all(path) or not value_text.strip():
        raise ConfigError(f"{source}: expected key.path=value")
    value = read_value(value_text, source, path)
    section = document.data
    for depth, part in enumerate(path[:-1], start=1):
        if section.get(part) is None:
            section[part] = {}
            document.origins[path[:depth]] = source
        section = section[part]
        if not isinstance(section, dict):
            raise ConfigError(
                f"{source}: {dotted(path[:depth])}: not a section, its value is {show(section)}"
            )
    removes = value is None and _is_terms(annotation_at(model_class, path[:-1]))
    if removes and path[-1] not in section:
        raise ConfigError(f"{source}: {dotted(path)}: no such term{suggest(path[-1], section)}")
    for other in [other for other in document.origins if other[: len(path)] == path]:
        del document.origins[other]
    section[path[-1]] = value
    document.origins[path] = source


def _without_nulls(data: Any, annotation: Any) -> Any:
    """Return `data` without the terms that are null."""
    if not isinstance(data, dict):
        return data
    terms = _is_terms(annotation)
    return {
        key: _without_nulls(value, annotation_at(annotation, (key,)))
        for key, value in data.items()
        if not (terms and value is None)
    }


def _is_terms(annotation: Any) -> bool:
    """Return whether an annotation is a mapping of names to models."""
    if get_origin(annotation) is not dict:
        return False
    kind = get_args(annotation)[1]
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _frozen(value: Any) -> Any:
    """Return `value` with plain dicts for mappings and tuples for lists."""
    if isinstance(value, Mapping):
        return {key: _frozen(item) for key, item in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value
