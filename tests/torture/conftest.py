"""Runs that are killed and damaged: see `shared_programs` for why they compile once."""

import pytest


@pytest.fixture(autouse=True)
def _programs(shared_programs):
    """Compile each configuration once."""
