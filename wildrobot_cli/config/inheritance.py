"""A configuration that says only how it differs from another one: `base: ppo.yaml`."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

from wildrobot_cli.config.document import Document, KeyPath, show
from wildrobot_cli.errors import ConfigError

BASE = "base"
"""The key that names the file beneath: beside this one, or a packaged one."""
_DEEPEST = 8
"""Files on top of one another, at most."""


class Replacement(dict[str, Any]):
    """A section that was null beneath: laid over another file it takes nothing from there."""


Reader = Callable[[str | Path], tuple[Path, Document]]
"""Finds and reads a file by path, or by name among the packaged ones."""


def with_base(path: Path, document: Document, read: Reader, depth: int = 1) -> Document:
    """Lay a document over the one that it names as its base, and so on down.

    Sections are merged key by key; anything else replaces what the base says. What a message
    says of a key names the file that set it.

    Raises:
        ConfigError: a base is missing, or stands on itself.
    """
    if BASE not in document.data:
        return document
    name = document.data[BASE]
    where = f"{document.locate((BASE,))}: {BASE}"
    if not isinstance(name, str):
        raise ConfigError(f"{where}: expected a file name, got {show(name)}")
    if depth > _DEEPEST:
        raise ConfigError(f"{where}: more than {_DEEPEST} files on top of one another")
    beside = path.parent / name
    try:
        found, below = read(beside if beside.is_file() else name)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from None
    if found.resolve() == path.resolve():
        raise ConfigError(f"{where}: {name} is this file itself; rename it, or name another")
    below = with_base(found, below, read, depth + 1)
    own = {key: value for key, value in document.data.items() if key != BASE}
    return laid_over(below, Document(document.source, own, document.origins))


def laid_over(below: Document, above: Document) -> Document:
    """Merge two documents: sections key by key, anything else as the upper one says.

    A section over one that is null is as it stands, whatever a third document beneath may say.

    The new document shares no mapping with either, so that overrides can be written into it.
    """
    origins = dict(below.origins)
    data = _merged(deepcopy(below.data), deepcopy(above.data), origins, above.origins, ())
    return Document(above.source, data, origins)


def _merged(
    below: dict[str, Any],
    above: dict[str, Any],
    origins: dict[KeyPath, str],
    new_origins: dict[KeyPath, str],
    path: KeyPath,
) -> dict[str, Any]:
    """Merge two mappings, and in place the places where their keys were set."""
    merged = dict(below)
    for key, value in above.items():
        here = (*path, key)
        under = below.get(key)
        merges = isinstance(value, dict) and not isinstance(value, Replacement)
        if merges and isinstance(under, dict):
            merged[key] = type(under)(_merged(under, value, origins, new_origins, here))
            continue
        if merges and key in below and under is None:
            value = Replacement(value)
        for old in [old for old in origins if old[: len(here)] == here]:
            del origins[old]
        origins.update({new: o for new, o in new_origins.items() if new[: len(here)] == here})
        merged[key] = value
    return merged
