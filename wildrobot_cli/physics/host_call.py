"""Calling NumPy from inside a compiled JAX program, by XLA's typed FFI.

`jax.pure_callback` would do, but a program that holds one is never written to JAX's persistent
compilation cache, so that every start would compile anew (17 s against 0.6 s). Here the compiled
program knows the function by a name, which the next process registers again. The handler is
the C ABI of `xla/ffi/api/c_api.h` (shipped with jaxlib), spoken through ctypes.
"""

import ctypes
import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

HostFunction = Callable[[list[np.ndarray], list[np.ndarray]], None]
"""Reads the arrays of the first list and fills those of the second. It must not call JAX."""

_TYPES = {1: np.bool_, 4: np.int32, 5: np.int64, 8: np.uint32, 11: np.float32, 12: np.float64}
_DTYPES = {number: np.dtype(kind) for number, kind in _TYPES.items()}
"""XLA's numbers, as types made once: making one takes longer than viewing a buffer."""
_EXECUTE, _METADATA, _INTERNAL = 3, 1, 13


class _Version(ctypes.Structure):
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("extension", ctypes.c_void_p),
        ("major", ctypes.c_int),
        ("minor", ctypes.c_int),
    )


class _ErrorArgs(ctypes.Structure):
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("extension", ctypes.c_void_p),
        ("message", ctypes.c_char_p),
        ("code", ctypes.c_int),
    )


_CreateError = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.POINTER(_ErrorArgs))


class _Api(ctypes.Structure):
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("extension", ctypes.c_void_p),
        ("version", _Version),
        ("internal", ctypes.c_void_p),
        ("create_error", _CreateError),
    )


class _Buffer(ctypes.Structure):
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("extension", ctypes.c_void_p),
        ("dtype", ctypes.c_int),
        ("data", ctypes.c_void_p),
        ("rank", ctypes.c_int64),
        ("dims", ctypes.POINTER(ctypes.c_int64)),
    )


class _Buffers(ctypes.Structure):
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("extension", ctypes.c_void_p),
        ("size", ctypes.c_int64),
        ("types", ctypes.c_void_p),
        ("items", ctypes.POINTER(ctypes.POINTER(_Buffer))),
    )


class _Metadata(ctypes.Structure):
    _fields_ = (("struct_size", ctypes.c_size_t), ("version", _Version))


class _Extension(ctypes.Structure):
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("type", ctypes.c_int),
        ("next", ctypes.c_void_p),
        ("metadata", ctypes.POINTER(_Metadata)),
    )


class _CallFrame(ctypes.Structure):
    _fields_ = (
        ("struct_size", ctypes.c_size_t),
        ("extension", ctypes.POINTER(_Extension)),
        ("api", ctypes.POINTER(_Api)),
        ("context", ctypes.c_void_p),
        ("stage", ctypes.c_int),
        ("operands", _Buffers),
        ("results", _Buffers),
    )


_Handler = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.POINTER(_CallFrame))
_registered: dict[str, Any] = {}
_lock = threading.Lock()


def host_call(
    name: str,
    function: HostFunction,
    results: Sequence[jax.ShapeDtypeStruct],
    operands: Sequence[jax.Array],
) -> list[jax.Array]:
    """Call a NumPy function from a JAX program; batching adds leading axes to every array.

    Args:
        name: of the function, unique to what it computes: a cached program finds it by this.
        function: pure in its operands; must not raise for data that can occur.
        results: shapes and types of the results, for one element of a batch.
        operands: arrays, for one element of a batch.
    """
    if jax.default_backend() != "cpu":
        return _by_callback(function, results, operands)
    _register(name, function)
    call = jax.ffi.ffi_call(name, list(results), vmap_method="broadcast_all")
    return list(call(*operands))


def _by_callback(
    function: HostFunction, results: Sequence[jax.ShapeDtypeStruct], operands: Sequence[jax.Array]
) -> list[jax.Array]:
    """Do it by `jax.pure_callback`, which moves arrays between a GPU and the host."""
    rank = operands[0].ndim

    def callback(*arrays: Any) -> list[np.ndarray]:
        inputs = [np.asarray(array) for array in arrays]
        batch = inputs[0].shape[: inputs[0].ndim - rank]
        outputs = [np.empty((*batch, *result.shape), result.dtype) for result in results]
        function(inputs, outputs)
        return outputs

    return jax.pure_callback(callback, list(results), *operands, vmap_method="broadcast_all")


def _register(name: str, function: HostFunction) -> None:
    """Make a function known to XLA under a name, once a process."""
    with _lock:
        if name not in _registered:
            handler = _Handler(lambda frame: _handle(frame.contents, function))
            _registered[name] = handler
            jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(handler), platform="cpu")


def _handle(frame: _CallFrame, function: HostFunction) -> int | None:
    """Answer one call from XLA; None is success, else the address of an error object."""
    if frame.extension and frame.extension.contents.type == _METADATA:
        _answer_metadata(frame)
        return None
    if frame.stage != _EXECUTE:
        return None
    try:
        function(_arrays(frame.operands), _arrays(frame.results))
    except BaseException as error:  # noqa: BLE001  (nothing may cross the C boundary)
        message = f"{type(error).__name__}: {error}".encode()
        args = _ErrorArgs(ctypes.sizeof(_ErrorArgs), None, message, _INTERNAL)
        return frame.api.contents.create_error(ctypes.byref(args))
    return None


def _answer_metadata(frame: _CallFrame) -> None:
    """Say which version of the FFI this handler speaks: the caller's own."""
    version = frame.extension.contents.metadata.contents.version
    version.struct_size = ctypes.sizeof(_Version)
    version.major = 0
    version.minor = frame.api.contents.version.minor


def _arrays(buffers: _Buffers) -> list[np.ndarray]:
    """View XLA's buffers as NumPy arrays, without copies."""
    return [_array(buffers.items[index].contents) for index in range(buffers.size)]


def _array(buffer: _Buffer) -> np.ndarray:
    dtype, shape = _DTYPES[buffer.dtype], tuple(buffer.dims[: buffer.rank])
    size = dtype.itemsize * math.prod(shape)
    if not size:
        return np.empty(shape, dtype)
    return np.ndarray(shape, dtype, (ctypes.c_char * size).from_address(buffer.data))
