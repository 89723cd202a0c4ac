"""Where packaged configurations, robots and benchmarks lie: in the wheel, or in a checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def config_dir() -> Path:
    """Return the folder of packaged configurations."""
    return _folder("configs")


def asset_dir() -> Path:
    """Return the folder of packaged robots: their YAML files, MJCF and meshes."""
    return _folder("assets")


def benchmark_dir() -> Path:
    """Return the folder of what speed is compared with."""
    return _folder("benchmarks")


def _folder(name: str) -> Path:
    installed = _PACKAGE / name
    return installed if installed.is_dir() else _PACKAGE.parent / name
