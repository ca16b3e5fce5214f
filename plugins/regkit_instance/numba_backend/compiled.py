"""How every loop is compiled: cached on disk, without the interpreter's lock, NaN respected.

The cache notices changes of a loop's own file, not of the files that it calls: after changing
those, run ``python -m regkit_instance.compile_kernels``, which compiles everything anew.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

Loop = TypeVar("Loop", bound=Callable[..., Any])

# Sums may be reordered and fused, which is the same on every run; NaN marks what is unknown.
ARITHMETIC = {"contract", "reassoc", "nsz", "arcp"}


def compiled(loop: Loop) -> Loop:
    """Compile a loop on its first call, or load it from an earlier one."""
    options = {"nogil": True, "error_model": "numpy", "fastmath": ARITHMETIC}
    try:
        made: Loop = njit(cache=True, **options)(loop)
    except RuntimeError:  # there is nowhere to keep it: it is compiled anew by every program
        made = njit(**options)(loop)
    return made
