"""What runs first has the machine to itself, and hands it back."""

import subprocess
import sys

import pytest

from wildrobot_cli.runtime.priority import SWITCH

CODE = """
import gc, sys, threading
from wildrobot_cli.runtime.priority import undisturbed
seen = []
look = lambda: seen.append((gc.isenabled(), sys.getswitchinterval()))
with undisturbed():
    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
look()
print(*seen[0])
print(*seen[1])
"""


def test_threads_that_begin_within_are_not_disturbed_and_the_rest_is_as_before():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    within, after = (line.split() for line in done.stdout.splitlines())
    assert (within[0], float(within[1])) == ("False", pytest.approx(SWITCH))
    assert after == ["True", str(sys.getswitchinterval())]


def test_a_failure_within_hands_it_back_as_well():
    code = """
import gc
from wildrobot_cli.runtime.priority import undisturbed
try:
    with undisturbed():
        raise OSError
except OSError:
    print(gc.isenabled(), gc.get_freeze_count())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True 0\n"
