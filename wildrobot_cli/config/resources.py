"""Where the packaged configurations and robots lie: in the wheel, or at a checkout's top."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def config_dir() -> Path:
    """Return the folder of packaged configurations."""
    return _folder("configs")


def asset_dir() -> Path:
    """Return the folder of packaged robots: their YAML files, MJCF and meshes."""
    return _folder("assets")


def _folder(name: str) -> Path:
    installed = _PACKAGE / name
    return installed if installed.is_dir() else _PACKAGE.parent / name
