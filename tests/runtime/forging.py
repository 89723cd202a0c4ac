"""What tests of damaged and forged bundles share."""

import pytest

from wildrobot_cli.errors import ConfigError
from wildrobot_cli.runtime.bundles.bundle import CHECKSUMS, checksums


def refused(act, *arguments) -> str:
    """Do what must be refused; return why it was."""
    with pytest.raises(ConfigError) as caught:
        act(*arguments)
    return str(caught.value)


def sign(folder) -> None:
    """Make the checksums of a bundle's folder fit again."""
    names = [path for path in folder.iterdir() if path.name != CHECKSUMS]
    (folder / CHECKSUMS).write_text(checksums({path.name: path.read_bytes() for path in names}))
