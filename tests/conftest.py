"""What all tests share. Warnings in our own code are errors: see pyproject.toml."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def root() -> Path:
    """The checkout's top folder."""
    return ROOT
