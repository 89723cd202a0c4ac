"""Files that a reader sees as they were or as they are now, never a part of them."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from wildrobot_cli.errors import ConfigError


def check_name(option: str, path: Path, endings: Sequence[str] = ()) -> None:
    """Raise `ConfigError` where no file can be called `path`, before the work is done.

    Args:
        option: what gave the name.
        path: the name.
        endings: what it may end in, in small letters; whatever it likes where there are none.
    """
    if endings and path.suffix.lower() not in endings:
        raise ConfigError(f"{option} {path}: expected a name that ends in {', '.join(endings)}")
    if not path.parent.is_dir():
        raise ConfigError(f"{option} {path}: no such folder: {path.parent}")
    if path.exists() and not path.is_file():
        raise ConfigError(f"{option} {path}: expected the name of a file, this is none")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Give another path to write to; after the block its file takes the place of `path`'s.

    When the block fails nothing of it is left, and what was there is as it was.

    Raises:
        OSError: the disk refuses.
    """
    unfinished = path.with_name(f".{path.name}.tmp")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def keep(path: Path) -> None:
    """Have on the disk a file's content, or which files a folder holds."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
