"""The process in which HDF5 files are read: started with the first, it stays for the next.

HDF5's library can crash or hang at a damaged file; that then ends this process, not the caller's.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from regkit.errors import FileFormatError
from regkit.io.limits import max_voxels
from regkit.io.transforms import hdf5_reader

# Limits for a file, beside those that grow with it; chosen by hand.
_CPU_S, _BYTES_PER_CPU_S = 1, 50_000_000
_MEMORY_BYTES, _MEMORY_PER_BYTE = 1 << 30, 64
_WALL_S = 120.0


class Hdf5Process:
    """A process that reads HDF5 files, one at a time; it is started again after it died."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._lock = threading.Lock()
        atexit.register(self.end)

    def read(self, path: Path) -> tuple[dict[str, Any], bytes]:
        """Return what the process tells of a file, and the bytes of its numbers.

        Raises
        ------
        FileFormatError
            The process died, or was ended after it took too long.
        """
        size = path.stat().st_size
        request = {
            "path": str(path.absolute()),
            "cpu_s": _CPU_S + size // _BYTES_PER_CPU_S,
            "memory_bytes": _MEMORY_BYTES + _MEMORY_PER_BYTE * size,
            "numbers": 3 * max_voxels(),
        }
        with self._lock:
            process = self._running()
            timer = threading.Timer(_WALL_S, process.kill)
            timer.start()
            try:
                return _ask(process, request)
            except (OSError, ValueError, EOFError) as error:
                self.end()
                raise FileFormatError(
                    "it is damaged: HDF5's library crashed, hung, or took too much memory"
                ) from error
            finally:
                timer.cancel()

    def _running(self) -> subprocess.Popen[bytes]:
        # A fork of the process that started it must not talk to it.
        if self._process is None or self._owner != os.getpid() or self._process.poll() is not None:
            command = [sys.executable, "-P", hdf5_reader.__file__]
            self._owner = os.getpid()
            self._process = subprocess.Popen(  # noqa: S603
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        return self._process

    def end(self) -> None:
        """End the process, if this one started it."""
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        process.kill()
        with suppress(OSError):
            process.communicate()


def _ask(
    process: subprocess.Popen[bytes], request: dict[str, Any]
) -> tuple[dict[str, Any], bytes]:
    stdin, stdout = process.stdin, process.stdout
    if stdin is None or stdout is None:
        raise EOFError
    stdin.write(json.dumps(request).encode("ascii") + b"\n")
    stdin.flush()
    told = json.loads(stdout.readline())
    numbers = stdout.read(told["bytes"])
    if len(numbers) < told["bytes"]:
        raise EOFError
    return told, numbers


HDF5_PROCESS = Hdf5Process()
