"""The recipe, its limits, and a packaged walk."""

import pytest


@pytest.fixture(scope="session")
def recipe():
    """The packaged recipe."""
    from wildrobot_cli.making.recipe import load_recipe
    from wildrobot_cli.motion.library import motion_dir

    return load_recipe(motion_dir() / "recipe.yaml")


@pytest.fixture(scope="session")
def limits():
    """The packaged limits."""
    from wildrobot_cli.motion.limits import load_limits

    return load_limits()


@pytest.fixture(scope="session")
def walk(robot):
    """A packaged walk: a loop at 0.2 m/s."""
    from wildrobot_cli.motion.library import in_order, motion_dir
    from wildrobot_cli.motion.storage import load_clip

    return in_order(robot, load_clip(motion_dir() / "walk_020.npz"))
