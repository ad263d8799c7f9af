"""The Go library: loading, calling, and what its failures are in Python."""

import atexit
import ctypes
import operator
import os
import sys
import threading
from typing import Optional

_SUFFIX = ".dylib" if sys.platform == "darwin" else ".so"
_PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "libhog_feature_flags" + _SUFFIX)

# Statuses of a result: see lib/main.go.
_ANSWER, _VALUE, _RUNTIME, _POOL = range(4)

_FORKED = (
    "hog_feature_flags was used before this process was forked, which its library does not survive: "
    "evaluate the first flag after the fork (with gunicorn, not while preload_app loads the application; post_fork is a good place)"
)


class DatabaseError(RuntimeError):
    """A database cannot be reached. Its attribute pool names it: "persons reader", for example."""

    def __init__(self, message: str, pool: str) -> None:
        super().__init__(message, pool)
        self.pool = pool

    def __str__(self) -> str:
        return str(self.args[0])


class _Result(ctypes.Structure):
    _fields_ = [("text", ctypes.c_void_p), ("size", ctypes.c_size_t), ("status", ctypes.c_int32)]


_library: Optional[ctypes.CDLL] = None
_owner = 0  # process that loaded the library, or is about to
_settings = (10, 60_000)  # what configure was given: connections, milliseconds
_lock = threading.Lock()


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()  # another thread of the parent may have held it


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _loaded() -> ctypes.CDLL:
    """Returns the library, and loads it if this is the first call."""
    library = _library
    if library is None:
        with _lock:
            library = _library or _load()
    if _owner != os.getpid():
        raise RuntimeError(_FORKED)
    return library


def _load() -> ctypes.CDLL:
    global _library, _owner
    if _owner not in (0, os.getpid()):
        raise RuntimeError(_FORKED)  # forked while another thread was loading it
    _owner = os.getpid()
    try:
        library = ctypes.CDLL(_PATH)  # releases the GIL during calls
    except OSError as e:
        _owner = 0
        raise ImportError("the library of hog_feature_flags cannot be loaded, install the package with pip: %s" % (e,)) from e
    library.hog_flags_evaluate.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    library.hog_flags_evaluate.restype = _Result
    library.hog_flags_configure.argtypes = [ctypes.c_int32, ctypes.c_int64]
    library.hog_flags_configure.restype = _Result
    library.hog_flags_close.argtypes = []
    library.hog_flags_close.restype = _Result
    library.hog_flags_free.argtypes = [ctypes.c_void_p]
    library.hog_flags_free.restype = None
    _take(library, library.hog_flags_configure(*_settings))
    _library = library
    atexit.register(_at_exit)
    return library


def evaluate(request: bytes, document: bytes) -> bytes:
    library = _loaded()
    return _take(library, library.hog_flags_evaluate(request, len(request), document, len(document)))


def _take(library: ctypes.CDLL, result: _Result) -> bytes:
    """Returns the text of a result, which is freed, or raises what it says."""
    try:
        text = ctypes.string_at(result.text, result.size)
    finally:
        library.hog_flags_free(result.text)
    if result.status == _ANSWER:
        return text
    message = text.decode("utf-8", "replace")
    if result.status == _VALUE:
        raise ValueError(message)
    if result.status == _POOL:
        pool, message = message.split("\n", 1)
        raise DatabaseError(message, pool)
    raise RuntimeError(message)


def configure(*, max_connections: int = 10, cache_ttl: float = 60.0) -> None:
    """Sets what the pools that are opened next go by; call it before the first evaluation, or after close.

    max_connections is the size of a pool; there is one for each different database URL. cache_ttl is for how many seconds cohorts, group
    types and time zones that were read are used again; 0 reads them for each call.
    """
    try:
        max_connections = operator.index(max_connections)
    except TypeError:
        raise TypeError("max_connections must be an int, not %s" % type(max_connections).__name__) from None
    if not isinstance(cache_ttl, (int, float)):
        raise TypeError("cache_ttl must be a float, not %s" % type(cache_ttl).__name__)
    if not 1 <= max_connections <= 10_000:
        raise ValueError("max_connections is %r: it must be between 1 and 10000" % (max_connections,))
    if not 0 <= cache_ttl <= 86_400:
        raise ValueError("cache_ttl is %r: it must be between 0 and 86400 seconds" % (cache_ttl,))
    global _settings
    settings = (max_connections, int(cache_ttl * 1000))
    with _lock:
        if _library is not None:
            _take(_library, _loaded().hog_flags_configure(*settings))
        _settings = settings  # so that nothing is loaded before a fork


def close() -> None:
    """Waits for the evaluations of other threads and closes all database connections. A later evaluation opens them again.

    The end of the process does this, too.
    """
    library = _library
    if library is not None and _owner == os.getpid():
        _take(library, library.hog_flags_close())


def _at_exit() -> None:
    try:
        close()
    except RuntimeError:
        pass  # the connections end with the process
