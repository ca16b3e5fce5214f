"""Compilation of loops: cached on disk, without the interpreter's lock, with NaN.

The cache notices changes of a loop's own file, not of the files that it calls: after changing
those, run ``python -m regkit_instance.compile_kernels``, which compiles everything anew. This
module loads numba: modules that need it only for some of their functions import it there.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from numba import njit
from numba.core import environment
from numba.core.caching import FunctionCache
from numba.core.runtime import rtsys

Loop = TypeVar("Loop", bound=Callable[..., Any])

# Sums may be reordered and fused with products: exactly repeatable on one CPU, equal to rounding
# between CPUs and between loops. NaN and infinity keep their meaning.
ARITHMETIC = {"contract", "reassoc", "nsz", "arcp"}


class CompiledLoops(FunctionCache):  # type: ignore[misc]  # numba has no types
    """Machine code of a loop on disk, loaded without what only compiling needs.

    numba prepares its compiler (a quarter of a second: what it knows of arrays, text, random
    numbers, SciPy) before it looks for the code, and once more before it compiles. With the code
    it imports the modules of all functions that were compiled into it.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the code for these types; None if it was never compiled."""
        rtsys.initialize(target_context)  # loops that make arrays call numba's allocator
        target_context.refresh = lambda: None
        with_import = environment._rebuild_env  # noqa: SLF001
        environment._rebuild_env = _environment  # noqa: SLF001
        try:
            return super().load_overload(sig, target_context)
        finally:
            environment._rebuild_env = with_import  # noqa: SLF001
            del target_context.refresh


def _environment(module: str, constants: list[Any], name: str) -> Any:
    """Return what numba keeps for a compiled function, without importing the function's module.

    Only interpreted code would look for names in it.
    """
    found = environment.lookup_environment(name)
    if found is None:
        found = environment.Environment({"__name__": module})
        found.consts[:] = constants
        found.env_name = name
        environment.Environment._memo[name] = found  # noqa: SLF001 - as numba does
    return found


def compiled(loop: Loop) -> Loop:
    """Compile a loop on its first call, or load it from an earlier one."""
    return _stored(loop, ARITHMETIC)


def compiled_as_written(loop: Loop) -> Loop:
    """Compile a loop like `compiled`, with the same rounding, to the last bit, on every CPU."""
    return _stored(loop, set())


def _stored(loop: Loop, arithmetic: set[str]) -> Loop:
    # As a part of every loop that calls it: of a function with sums, a process that compiles and
    # one that loads the code from disk may run different copies, which order the sums differently.
    made: Loop = njit(nogil=True, error_model="numpy", fastmath=arithmetic, forceinline=True)(loop)
    # Without a writable folder for the cache, every process compiles anew.
    with suppress(RuntimeError):
        vars(made)["_cache"] = CompiledLoops(loop)  # as cache=True does with its own class
    return made
