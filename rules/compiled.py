"""What makes a scalar function of the core machine code, with its types kept for mypy."""

from collections.abc import Callable
from hashlib import sha256
from importlib.resources import files
from typing import Any, ParamSpec, TypeVar, cast

import numba
from numba import njit

P = ParamSpec("P")
R = TypeVar("R")


# The same build gives the same bits: no `fastmath` and no parallel loops. A division by zero is inf or nan, never an
# exception. `_nrt=False`: numba keeps no count of references to arrays. Counting those of a tuple of arrays at every
# call is what a kernel of small functions spends nine tenths of its time on. What is compiled so borrows its arrays
# from its caller and can make none, which numba sees to. An option that is not said is the caller's: all are said.
_ALLOCATING: dict[str, Any] = {"cache": True, "error_model": "numpy", "_nrt": True, "forceinline": False}
_BORROWING = _ALLOCATING | {"_nrt": False}
_INNER = _BORROWING | {"cache": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # kept with its callers
_INLINED = _INNER | {"forceinline": True}


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """The same function, compiled at its first call and kept on disk; callable from Python and from its like.

    It may read and write the arrays that it is given, and make none. numba ships no types, so this one place
    says what its decorators keep.
    """
    return cast("Callable[P, R]", njit(**_BORROWING)(function))


def allocating(function: Callable[P, R]) -> Callable[P, R]:
    """As `compiled`, for a function that makes arrays."""
    return cast("Callable[P, R]", njit(**_ALLOCATING)(function))


def inner(function: Callable[P, R]) -> Callable[P, R]:
    """As `compiled`, for calls from compiled functions only: Python's way in, a second to compile, is left out."""
    return cast("Callable[P, R]", njit(**_INNER)(function))


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """As `inner`, put into its callers: for what every reading passes through. A call hands over each array anew."""
    return cast("Callable[P, R]", njit(**_INLINED)(function))


def _cache_folder() -> str:
    """A folder for the machine code of exactly these sources.

    numba looks only at the file of the function it compiles: edited alone, a function that others call
    would go on running in them as it was. A folder named after the content of all of them cannot go stale.
    """
    package = files("rules")
    sources = sorted((source.name, source) for source in package.iterdir() if source.name.endswith(".py"))
    digest = sha256(b"".join(source.read_bytes() for _, source in sources)).hexdigest()
    return str(package.joinpath("__pycache__", f"compiled-{digest[:16]}"))


if not numba.config.CACHE_DIR:  # type: ignore[attr-defined] # numba sets its settings when it is imported
    numba.config.CACHE_DIR = _cache_folder()  # type: ignore[attr-defined] # as above
