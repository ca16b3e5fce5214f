"""Compilation of loops: cached on disk, without the interpreter's lock, with NaN.

The cache notices changes of a loop's own file, not of the files that it calls: after changing
those, run ``python -m regkit_instance.compile_kernels``, which compiles everything anew. This
module loads numba: modules that need it only for some of their functions import it there.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from llvmlite.binding import parse_bitcode
from numba import njit
from numba.core import environment
from numba.core.caching import FunctionCache
from numba.core.codegen import JITCodeLibrary
from numba.core.runtime import rtsys

logger = logging.getLogger(__name__)

Loop = TypeVar("Loop", bound=Callable[..., Any])

# Sums may be reordered and fused with products: exactly repeatable on one CPU, equal to rounding
# between CPUs and between loops. NaN and infinity keep their meaning.
ARITHMETIC = {"contract", "reassoc", "nsz", "arcp"}
# Set to 0, nothing is read from the disk and nothing is kept there.
CACHE_VARIABLE = "REGKIT_COMPILED_CACHE"
# Versions of numba whose own way of loading code `CompiledLoops` shortens; others load as they do.
NUMBA_TRIED = "0.68."


class LoadedCode(JITCodeLibrary):  # type: ignore[misc]  # numba has no types
    """Machine code from disk, whose intermediate code is read only if a compiled loop links it."""

    _shared_module: Any
    intermediate_code: bytes

    @classmethod
    def _unserialize(cls, codegen: Any, state: Any) -> Any:
        name, kind, data = state
        if kind != "object":
            return super()._unserialize(codegen, state)
        made = cls(codegen, name)
        machine_code, made.intermediate_code = data
        made.enable_object_caching()
        made._set_compiled_object(machine_code)
        made._finalize_final_module()
        return made

    def _get_module_for_linking(self) -> Any:
        if self._shared_module is None:
            self._shared_module = parse_bitcode(self.intermediate_code)
        return self._shared_module

    def get_pointer_to_function(self, name: str) -> int:
        """Return the address of a function that the code has; numba first looks for its name."""
        return int(self._codegen._engine.get_function_address(name))  # noqa: SLF001


class CompiledLoops(FunctionCache):  # type: ignore[misc]  # numba has no types
    """Machine code of a loop on disk, loaded without what only compiling needs.

    numba prepares its compiler (a quarter of a second: what it knows of arrays, text, random
    numbers, SciPy) before it looks for the code, and once more before it compiles. With the code
    it imports the modules of all functions that were compiled into it, and it parses their
    intermediate code.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the code for these types; None if it was never compiled."""
        rtsys.initialize(target_context)  # loops that make arrays call numba's allocator
        target_context.refresh = lambda: None
        codegen = target_context.codegen()
        codegen._library_class = LoadedCode  # noqa: SLF001
        with_import = environment._rebuild_env  # noqa: SLF001
        environment._rebuild_env = _environment  # noqa: SLF001
        try:
            return super().load_overload(sig, target_context)
        finally:
            environment._rebuild_env = with_import  # noqa: SLF001
            del target_context.refresh, codegen._library_class  # noqa: SLF001


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
    if os.environ.get(CACHE_VARIABLE) == "0":
        return made
    tried = numba.__version__.startswith(NUMBA_TRIED)
    # Without a writable folder for the cache, every process compiles anew.
    with suppress(RuntimeError):
        stored = (CompiledLoops if tried else FunctionCache)(loop)
        folder = Path(stored.cache_path)
        if is_private(folder):
            vars(made)["_cache"] = stored  # as cache=True does with its own class
        else:
            _warn_of(folder)
    return made


def is_private(folder: Path) -> bool:
    """Return whether only this user and root can change what a folder holds.

    Code in it is run. A folder above it may be writable for all if it is sticky, as /tmp is.
    """
    if not hasattr(os, "getuid"):  # Windows keeps such folders in the user's profile
        return True
    return all(
        _is_private(path.stat(), at_end=path == folder.resolve())
        for path in (folder.resolve(), *folder.resolve().parents)
    )


def _is_private(state: os.stat_result, *, at_end: bool) -> bool:
    own_group = state.st_gid == os.getgid() == os.getuid()  # a group of this user alone
    shared = stat.S_IWOTH | (0 if own_group or state.st_gid == 0 else stat.S_IWGRP)
    if state.st_uid not in (os.getuid(), 0):
        return False
    return not state.st_mode & shared or (not at_end and bool(state.st_mode & stat.S_ISVTX))


@cache
def _warn_of(folder: Path) -> None:
    logger.warning(
        "compiled loops in %s are not used, since others can write there: regkit compiles anew; "
        "change its permissions, or choose another folder by NUMBA_CACHE_DIR",
        folder,
    )
