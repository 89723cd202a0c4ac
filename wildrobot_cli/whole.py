"""Files that a reader sees as they were or as they are now, never a part of them."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


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
