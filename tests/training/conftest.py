"""Trainings in these tests share compiled programs: see `shared_programs`."""

import pytest


@pytest.fixture(autouse=True)
def _programs(shared_programs):
    """Compile each configuration once."""
