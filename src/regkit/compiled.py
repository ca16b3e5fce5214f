"""Compilation of loops: cached on disk, without the interpreter's lock, with NaN.

The cache notices changes of a loop's own file, not of the files that it calls: after changing
those, run ``python -m regkit_instance.compile_kernels``, which compiles everything anew. This
module loads numba: modules that need it only for some of their functions import it there.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit
from numba.np import linalg


def _load_numpy_functions() -> None:
    """Load numba's functions of arrays without scipy.linalg, which takes longer than they do.

    numba imports it with them, only to see whether there is a BLAS (scipy is there), and again
    when a loop needs one.
    """
    check = linalg.ensure_blas
    linalg.ensure_blas = lambda: None
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        linalg.ensure_blas = check


_load_numpy_functions()

Loop = TypeVar("Loop", bound=Callable[..., Any])

# Sums may be reordered and fused with products: exactly repeatable on one CPU, equal to rounding
# between CPUs and between loops. NaN and infinity keep their meaning.
ARITHMETIC = {"contract", "reassoc", "nsz", "arcp"}


def compiled(loop: Loop) -> Loop:
    """Compile a loop on its first call, or load it from an earlier one."""
    return _stored(loop, ARITHMETIC)


def compiled_as_written(loop: Loop) -> Loop:
    """Compile a loop like `compiled`, with the same rounding, to the last bit, on every CPU."""
    return _stored(loop, set())


def _stored(loop: Loop, arithmetic: set[str]) -> Loop:
    options = {"nogil": True, "error_model": "numpy", "fastmath": arithmetic}
    try:
        made: Loop = njit(cache=True, **options)(loop)
    except RuntimeError:  # no writable folder for the cache: every process compiles anew
        made = njit(**options)(loop)
    return made
