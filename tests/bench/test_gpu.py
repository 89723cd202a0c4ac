"""What of a GPU's measurement can be proved without one."""

import pytest

from wildrobot_cli.bench import gpu


@pytest.mark.parametrize(
    ("driver", "plugin", "remedy"),
    [
        (False, False, "no NVIDIA driver"),
        (False, True, "no NVIDIA driver"),
        (True, False, r"pip install 'wildrobot\[cuda,warp\]'"),
        (True, True, "CUDA_VISIBLE_DEVICES"),
    ],
)
def test_what_is_missing_is_named(driver, plugin, remedy):
    import re

    assert re.search(remedy, gpu.missing(driver, plugin))


@pytest.mark.parametrize("room", [1024, 1500, 4096, 100_000])
def test_the_largest_batch_fits_and_the_next_does_not(room):
    found = gpu.largest_that_fits(lambda n: n <= room, 1024)
    assert found <= room < 2 * found


def test_the_search_ends():
    assert gpu.largest_that_fits(lambda _: True, 1024) == gpu.LARGEST


def test_products_are_in_full_precision_unless_the_user_says_otherwise():
    assert gpu.environment({})[gpu.PRECISION] == "highest"
    assert gpu.environment({gpu.PRECISION: "bfloat16"})[gpu.PRECISION] == "bfloat16"
