"""Reading a policy bundle: a folder or a zip, taken only when every file fits its checksum."""

import hashlib
import json
import re
import stat
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.runtime.bundles.archives import BOUNDED, BROKEN_ZIP
from wildrobot_cli.runtime.bundles.description import Description
from wildrobot_cli.runtime.bundles.parsing import parse

DESCRIPTION, CHECKSUMS, GOLDEN, README = "policy.json", "SHA256SUMS", "golden.npz", "README.md"
_CHECKSUM = re.compile(r"(?P<digest>[0-9a-f]{64})  (?P<name>.+)")
DEEPEST = 50
"""A description with lists and mappings inside of each other beyond this is refused."""
LARGEST = 64 * 2**20
"""A folder, or zip that unpacks, to more than this is refused [bytes]."""


@dataclass(frozen=True, eq=False)
class Bundle:
    """A verified bundle, in memory: what was checked is what is used."""

    path: Path
    """Where it was read from."""
    description: Description
    """What `policy.json` says."""
    files: dict[str, bytes]
    """Every file's content by its name."""


def open_bundle(path: Path) -> Bundle:
    """Read a bundle's folder or zip, and verify it.

    Raises:
        ConfigError: there is none, a file is missing, added or damaged, the zip names files
            outside of it, or `policy.json` does not read.
    """
    files = read_files(path)
    try:
        document = json.loads(files[DESCRIPTION])
        _check_depth(document)
        description = parse(document)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: {DESCRIPTION}: not JSON: {error}") from None
    for model in filter(None, (description.model, description.quantized)):
        if model.file not in files:
            raise ConfigError(f"{path}: {model.file}: missing, though {DESCRIPTION} names it")
    return Bundle(path, description, files)


def _check_depth(document: Any) -> None:
    """Raise `ConfigError` for what is nested so deep that comparing or writing it would fail."""
    level = [document]
    for _ in range(DEEPEST):
        level = [inner for item in level for inner in _inside(item)]
    if level:
        raise ConfigError(f"{DESCRIPTION}: nested deeper than {DEEPEST} levels")


def _inside(item: Any) -> Iterable[Any]:
    """What a JSON value holds."""
    return item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()


def read_files(path: Path) -> dict[str, bytes]:
    """Read the files of a bundle's folder or zip; they are what its checksums say, and no others.

    Raises:
        ConfigError: there is none, or something is missing, added or damaged.
    """
    try:
        files = _read(path)
    except OSError as error:
        raise ConfigError(f"{path}: does not read: {error.strerror}") from None
    _verify(path, files)
    return files


def is_bundle(folder: Path) -> bool:
    """Whether a folder is a bundle's, damaged or whole."""
    return all((folder / name).exists() for name in (CHECKSUMS, DESCRIPTION))


def checksums(files: dict[str, bytes]) -> str:
    """Lines for `sha256sum --check`: one for each file, by name."""
    lines = (f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    return "".join(lines)


def _read(path: Path) -> dict[str, bytes]:
    """Read whatever is there."""
    if path.is_dir():
        return _read_folder(path)
    if path.is_file():
        return _unzip(path)
    raise ConfigError(f"{path}: no such bundle")


def _read_folder(path: Path) -> dict[str, bytes]:
    """Read a folder's files; it holds nothing else, and no more than a zip may."""
    if not is_bundle(path):
        raise ConfigError(f"{path}: not a bundle{_instead_of(path)}")
    entries = sorted(path.iterdir())
    for entry in entries:
        if not entry.is_file():
            raise ConfigError(f"{path}: damaged bundle: {entry.name} does not belong to it")
    if sum(entry.stat().st_size for entry in entries) > LARGEST:
        raise ConfigError(f"{path}: holds more than {LARGEST} bytes")
    return {entry.name: entry.read_bytes() for entry in entries}


def _instead_of(path: Path) -> str:
    """Say what to do with a folder that is no bundle."""
    if (path / "bundle" / CHECKSUMS).is_file():
        return f"; did you mean '{path / 'bundle'}'?"
    if (path / "checkpoints").is_dir():
        return f" but a run; write its bundle with: wildrobot export {path}"
    return f"; expected {CHECKSUMS} and {DESCRIPTION} in it"


def _verify(path: Path, files: dict[str, bytes]) -> None:
    """Raise `ConfigError` for the first file that is not as the checksums say."""
    if CHECKSUMS not in files or DESCRIPTION not in files:
        raise ConfigError(f"{path}: not a bundle; expected {CHECKSUMS} and {DESCRIPTION} in it")
    expected = _read_checksums(path, files[CHECKSUMS])
    for name in sorted({*expected, *files} - {CHECKSUMS}):
        if name not in files:
            raise ConfigError(f"{path}: damaged bundle: {name} is missing")
        if name not in expected:
            raise ConfigError(f"{path}: damaged bundle: {name} does not belong to it")
        if hashlib.sha256(files[name]).hexdigest() != expected[name]:
            raise ConfigError(f"{path}: damaged bundle: {name} fails its checksum")


def _read_checksums(path: Path, content: bytes) -> dict[str, str]:
    """Read digests by file name, as `checksums` writes them."""
    expected = {}
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), start=1):
        entry = _CHECKSUM.fullmatch(line)
        if entry is None:
            raise ConfigError(
                f"{path}: damaged bundle: {CHECKSUMS}: line {number}: "
                f"expected a checksum and a file's name, got {line[:80]!r}"
            )
        expected[entry["name"]] = entry["digest"]
    if not expected:
        raise ConfigError(f"{path}: damaged bundle: {CHECKSUMS} is empty")
    return expected


def _unzip(path: Path) -> dict[str, bytes]:
    """Read the files of a zip's one folder into memory; nothing is written anywhere."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            for info in infos:
                _check_entry(path, info)
            entries = [info for info in infos if not info.is_dir()]
            if sum(info.file_size for info in entries) > LARGEST:
                raise ConfigError(f"{path}: unpacks to more than {LARGEST} bytes")
            files = {
                PurePosixPath(info.filename).name: _read_entry(archive, info) for info in entries
            }
    except BROKEN_ZIP as error:
        raise ConfigError(f"{path}: not a readable zip: {error}") from None
    if len({_folder_of(info) for info in infos}) > 1:
        raise ConfigError(f"{path}: files in more than one folder")
    if len(files) != len(entries):
        raise ConfigError(f"{path}: two files of one name")
    return files


def _read_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Read as much as an entry says that it holds: one that lies is unpacked no further."""
    with archive.open(info) as file:
        return file.read(info.file_size)


def _folder_of(info: zipfile.ZipInfo) -> PurePosixPath:
    """The folder that an entry lies in, or is."""
    place = PurePosixPath(info.filename)
    return place if info.is_dir() else place.parent


def _check_entry(path: Path, info: zipfile.ZipInfo) -> None:
    """Raise `ConfigError` for an entry that is no plain file of the bundle's one folder."""
    place = PurePosixPath(info.filename)
    outside = place.is_absolute() or ".." in place.parts or "\\" in info.filename
    if outside or len(place.parts) > 2 - info.is_dir() or ":" in info.filename:
        raise ConfigError(f"{path}: {info.filename}: leads outside the bundle's folder")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise ConfigError(f"{path}: {info.filename}: a link; expected plain files")
    if info.compress_type not in BOUNDED:
        raise ConfigError(f"{path}: {info.filename}: packed in a way that bundles are not")
