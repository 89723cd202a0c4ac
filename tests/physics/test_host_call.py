"""NumPy called from compiled programs: batches, types, errors, and programs that are cached."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wildrobot_cli.physics import host_call as module
from wildrobot_cli.physics.host_call import host_call

SCRIPT = """
import logging, sys
import jax, jax.numpy as jnp
from wildrobot_cli.physics.host_call import host_call

def double(inputs, outputs):
    outputs[0][...] = 2 * inputs[0]

def program(x):
    shape = jax.ShapeDtypeStruct((3,), jnp.float32)
    return host_call("wildrobot_test_cached", double, [shape], [x])[0] + 1

logging.getLogger("jax._src.compiler").setLevel(logging.DEBUG)
logging.getLogger("jax._src.compiler").addHandler(logging.StreamHandler(sys.stdout))
print(jax.jit(jax.vmap(program))(jnp.ones((4, 3))).sum())
"""


def sums(inputs, outputs):
    """Row sum of a matrix plus a scalar, and the scalar doubled."""
    matrix, scalar = inputs
    outputs[0][...] = matrix.sum(axis=-1) + scalar[..., None]
    outputs[1][...] = 2 * scalar


def call_sums(matrix, scalar):
    """`sums` in a JAX program."""
    shapes = [jax.ShapeDtypeStruct((matrix.shape[0],), jnp.float32)]
    shapes.append(jax.ShapeDtypeStruct((), jnp.float32))
    return tuple(host_call("wildrobot_test_sums", sums, shapes, [matrix, scalar]))


@pytest.fixture(params=["ffi", "callback"])
def way(request, monkeypatch):
    """How the host is called: on a CPU, and where arrays must first come from a GPU."""
    if request.param == "callback":
        monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    calls = []
    monkeypatch.setattr(module, "_by_callback", spy(module._by_callback, calls))
    yield
    assert bool(calls) == (request.param == "callback")


def spy(function, calls):
    """The function, with its calls counted."""

    def counted(*args):
        calls.append(args)
        return function(*args)

    return counted


MATRIX = jnp.arange(6.0).reshape(2, 3)


def test_one_call_computes_on_the_host(way):
    for call in (call_sums, jax.jit(lambda *args: call_sums(*args))):
        rows, double = call(MATRIX, jnp.float32(10))
        np.testing.assert_array_equal(rows, [13, 22])
        assert (double.shape, double) == ((), 20)


def test_batches_are_one_call_with_leading_axes(way):
    matrices = MATRIX * jnp.arange(4.0)[:, None, None]
    rows, double = jax.jit(jax.vmap(call_sums))(matrices, jnp.arange(4.0))
    np.testing.assert_array_equal(rows, [[k * 3 + k, k * 12 + k] for k in range(4)])
    np.testing.assert_array_equal(double, [0, 2, 4, 6])


def test_batches_nest_and_unbatched_operands_are_repeated(way):
    scalars = jnp.arange(6.0).reshape(3, 2)
    inner = jax.vmap(call_sums, in_axes=(None, 0))
    rows, double = jax.jit(jax.vmap(inner, in_axes=(None, 0)))(MATRIX, scalars)
    np.testing.assert_array_equal(rows, np.array([3, 12]) + np.asarray(scalars)[..., None])
    np.testing.assert_array_equal(double, 2 * scalars)


def test_batches_without_members_are_fine(way):
    rows, double = jax.vmap(call_sums)(jnp.zeros((0, 2, 3)), jnp.zeros(0))
    assert (rows.shape, double.shape) == ((0, 2), (0,))


def test_loops_and_branches_may_hold_calls():
    def body(carry, _):
        rows, _ = jax.lax.cond(carry[0] < 40, call_sums, lambda *_: (carry, 0.0), MATRIX, carry[0])
        return rows, None

    result, _ = jax.jit(lambda c: jax.lax.scan(body, c, None, length=20))(jnp.zeros(2))
    np.testing.assert_array_equal(result, [42, 51])


@pytest.mark.parametrize("dtype", ["bool", "int32", "int64", "uint32", "float32", "float64"])
def test_types_arrive_and_return_as_they_are(dtype):
    seen = []

    def copy(inputs, outputs):
        seen.append(inputs[0].dtype.name)
        outputs[0][...] = inputs[0]

    with jax.enable_x64(True):
        values = jnp.asarray([[0, 1], [1, 0]], dtype)
        shape = jax.ShapeDtypeStruct(values.shape, values.dtype)
        (result,) = host_call(f"wildrobot_test_{dtype}", copy, [shape], [values])
        np.testing.assert_array_equal(result, values)
    assert result.dtype.name == dtype
    assert set(seen) == {dtype}


def test_error_of_the_host_becomes_an_error_of_the_program():
    def fail(inputs, outputs):
        raise RuntimeError("the host is on fire")

    shape = jax.ShapeDtypeStruct((), jnp.float32)
    with pytest.raises(jax.errors.JaxRuntimeError, match="RuntimeError: the host is on fire"):
        jax.block_until_ready(host_call("wildrobot_test_fail", fail, [shape], [jnp.zeros(())]))
    assert call_sums(MATRIX, jnp.float32(0))[1] == 0


def test_programs_on_several_threads_do_not_wait_for_each_other_forever():
    program = jax.jit(jax.vmap(call_sums, in_axes=(None, 0)))

    def run(offset):
        return float(sum(program(MATRIX, jnp.arange(8.0) + offset)[1].sum() for _ in range(50)))

    with ThreadPoolExecutor(4) as pool:
        sums_ = list(pool.map(run, range(4), timeout=60))
    assert sums_ == [50 * (56 + 16 * offset) for offset in range(4)]


def test_programs_are_found_in_the_compilation_cache_by_another_process(tmp_path):
    settings = {
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "JAX_PLATFORMS": "cpu",
    }
    outputs = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=os.environ | settings,
            capture_output=True,
            text=True,
            check=True,
            cwd=tmp_path,
        )
        outputs.append(done.stdout)
    hit = "Persistent compilation cache hit for 'jit_program'"
    assert [hit in output for output in outputs] == [False, True]
    assert all("36.0" in output for output in outputs)
