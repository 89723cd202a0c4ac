"""Reading a policy bundle: a folder or a zip, taken only when every file fits its checksum."""

import hashlib
import json
import stat
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.runtime.description import Description, parse

DESCRIPTION, CHECKSUMS, GOLDEN, README = "policy.json", "SHA256SUMS", "golden.npz", "README.md"
LARGEST = 64 * 2**20
"""A zip that unpacks to more than this is refused [bytes]."""


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
    if path.is_dir():
        files = {p.name: p.read_bytes() for p in sorted(path.iterdir()) if p.is_file()}
    elif path.is_file():
        files = _unzip(path)
    else:
        raise ConfigError(f"{path}: no such bundle")
    _verify(path, files)
    try:
        document = json.loads(files[DESCRIPTION])
    except ValueError as error:
        raise ConfigError(f"{path}: {DESCRIPTION}: not JSON: {error}") from None
    try:
        description = parse(document)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    for model in filter(None, (description.model, description.quantized)):
        if model.file not in files:
            raise ConfigError(f"{path}: {model.file}: missing, though {DESCRIPTION} names it")
    return Bundle(path, description, files)


def checksums(files: dict[str, bytes]) -> str:
    """Lines for `sha256sum --check`: one for each file, by name."""
    lines = (f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    return "".join(lines)


def _verify(path: Path, files: dict[str, bytes]) -> None:
    """Raise `ConfigError` for the first file that is not as the checksums say."""
    if CHECKSUMS not in files or DESCRIPTION not in files:
        missing = CHECKSUMS if CHECKSUMS not in files else DESCRIPTION
        raise ConfigError(f"{path}: not a bundle; expected {missing} in it")
    expected = {}
    for line in files[CHECKSUMS].decode("utf-8", "replace").splitlines():
        digest, _, name = line.partition("  ")
        expected[name] = digest
    for name in sorted({*expected, *files} - {CHECKSUMS}):
        if name not in files:
            raise ConfigError(f"{path}: damaged bundle: {name} is missing")
        if name not in expected:
            raise ConfigError(f"{path}: damaged bundle: {name} does not belong to it")
        if hashlib.sha256(files[name]).hexdigest() != expected[name]:
            raise ConfigError(f"{path}: damaged bundle: {name} fails its checksum")


def _unzip(path: Path) -> dict[str, bytes]:
    """Read a zip's files into memory; nothing is written anywhere."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = [info for info in archive.infolist() if not info.is_dir()]
            for info in entries:
                _check_entry(path, info)
            if sum(info.file_size for info in entries) > LARGEST:
                raise ConfigError(f"{path}: unpacks to more than {LARGEST} bytes")
            files = {PurePosixPath(info.filename).name: archive.read(info) for info in entries}
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError) as error:
        raise ConfigError(f"{path}: not a readable zip: {error}") from None
    if len(files) != len(entries):
        raise ConfigError(f"{path}: two files of one name")
    return files


def _check_entry(path: Path, info: zipfile.ZipInfo) -> None:
    """Raise `ConfigError` for an entry that is no plain file of the bundle's one folder."""
    place = PurePosixPath(info.filename)
    outside = place.is_absolute() or ".." in place.parts or "\\" in info.filename
    if outside or len(place.parts) > 2 or ":" in info.filename:
        raise ConfigError(f"{path}: {info.filename}: leads outside the bundle's folder")
    if stat.S_ISLNK(info.external_attr >> 16):
        raise ConfigError(f"{path}: {info.filename}: a link; expected plain files")
