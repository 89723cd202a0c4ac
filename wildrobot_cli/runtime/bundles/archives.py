"""Reading zip archives, and the arrays in them, that may come from anywhere."""

import io
import zipfile
import zlib
from tokenize import TokenError

import numpy as np

from wildrobot_cli.errors import ConfigError

BROKEN_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
    MemoryError,
    TokenError,
)
"""What reading a damaged zip, or an array in it, raises."""
BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Compressions that unpack no more than they are asked for, whatever an entry says of itself."""


def read_arrays(content: bytes, largest: int = 2**30) -> dict[str, np.ndarray]:
    """Read all arrays of an `.npz` file's content.

    Raises:
        ConfigError: it is none or damaged, holds objects, or unpacks to more than `largest`
            [bytes]. The message leaves it to the caller to name the file.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
        size = sum(entry.file_size for entry in entries)
        for entry in entries:
            if not entry.filename.endswith(".npy") or entry.compress_type not in BOUNDED:
                raise ConfigError(f"holds {entry.filename!r}, which is no array")
        if size > largest:
            raise ConfigError(f"unpacks to {size} bytes, more than {largest}")
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return {name: np.asarray(file[name]) for name in file.files}
    except BROKEN_ZIP as error:
        reason = "it holds objects" if "pickle" in str(error) else "not an .npz file, or damaged"
        raise ConfigError(reason) from None
