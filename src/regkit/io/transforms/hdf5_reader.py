"""Program that reads ITK's transforms from HDF5 files, within limits of time and memory.

It is run by `regkit.io.transforms.hdf5_process`. Each line of JSON that it gets names a file and
its limits. It answers with a line of JSON, then numbers as little-endian float64, of so many
``bytes``: ``parts`` has type and numbers of parameters and fixed parameters of each transform;
``error`` says why there is none. It imports nothing of regkit, so that it starts fast.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import zlib
from typing import Any

GROUP, TYPE = "TransformGroup", "TransformType"
# Names of the parameters and of the fixed parameters; ITK misspelled them at first.
LISTS = (
    ("TransformParameters", "TranformParameters"),
    ("TransformFixedParameters", "TranformFixedParameters"),
)
# Attribute of a transform that regkit wrote.
CHECK = "regkit crc32"
# Of deflate (zlib's technical notes, zlib.net/zlib_tech.html).
_LARGEST_EXPANSION = 1032
_MAX_TRANSFORMS = 1000  # chosen by hand
_LONGEST_TYPE = 256  # chosen by hand


class _RefusedFileError(Exception):
    """A file that is no transform of ITK's; the message is for the user."""


def main() -> None:
    """Answer every request."""
    import h5py  # noqa: F401, PLC0415 - its time does not count

    os.environ["HDF5_PLUGIN_PRELOAD"] = "::"  # no code from elsewhere
    for line in sys.stdin.buffer:
        told, numbers = _answer(json.loads(line))
        content = b"".join(part.tobytes() for part in numbers)
        sys.stdout.buffer.write(json.dumps(told | {"bytes": len(content)}).encode("ascii") + b"\n")
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


def _answer(request: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    _limit(request)
    try:
        found = _read(request["path"], request["numbers"])
    except _RefusedFileError as error:
        return {"error": str(error)}, []
    except MemoryError:
        return {"error": "it is damaged: it asks for too much memory"}, []
    except Exception:
        return {"error": "it is damaged: HDF5 cannot read it"}, []
    parts = [(kind, *(n.size for n in lists)) for kind, lists in found]
    return {"parts": parts}, [part for _, lists in found for part in lists]


def _limit(request: dict[str, Any]) -> None:
    """Limit the time and memory of this process for the next file, where the system can."""
    try:
        import resource  # noqa: PLC0415 - POSIX only
    except ImportError:
        return
    # The signal of this timer, of CPU time, ends the process, in the library's code too.
    signal.setitimer(signal.ITIMER_PROF, request["cpu_s"])
    for name, value in (
        (resource.RLIMIT_AS, request["memory_bytes"]),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(name)
        resource.setrlimit(name, (value if hard < 0 else min(value, hard), hard))


def _read(path: str, most: int) -> list[tuple[str, list[Any]]]:
    """Return type, parameters and fixed parameters of each transform."""
    import h5py  # noqa: PLC0415 - the module itself is light

    with h5py.File(path, "r", locking=False) as file:
        group = _member(file, GROUP, h5py.Group)
        if group is None:
            raise _RefusedFileError("it is HDF5 without ITK's transforms (TransformGroup)")
        if len(group) > _MAX_TRANSFORMS:
            raise _RefusedFileError(f"it holds over {_MAX_TRANSFORMS} transforms: damaged")
        return [_transform(group, str(number), most) for number in range(len(group))]


def _transform(group: Any, name: str, most: int) -> tuple[str, list[Any]]:
    import h5py  # noqa: PLC0415 - the module itself is light
    import numpy as np  # noqa: PLC0415

    part = _member(group, name, h5py.Group)
    if part is None:
        raise _RefusedFileError(f"it is damaged or truncated: its transform {name} is missing")
    kind = _text(_member(part, TYPE, h5py.Dataset), name)
    lists = [
        next((d for n in names if (d := _member(part, n, h5py.Dataset)) is not None), None)
        for names in LISTS
    ]
    is_composite = kind.startswith("CompositeTransform")
    if not is_composite and any(dataset is None for dataset in lists):
        raise _RefusedFileError("it is truncated: a transform lacks its parameters")
    numbers = [] if is_composite else [_numbers(dataset, most) for dataset in lists]
    if CHECK in part.attrs and int(part.attrs[CHECK]) != check_sum(kind, numbers):
        raise _RefusedFileError("it is damaged: its parameters have another checksum")
    return kind, numbers or [np.empty(0), np.empty(0)]


def check_sum(kind: str, lists: list[Any]) -> int:
    """Return the checksum of a transform's type and numbers."""
    found = zlib.crc32(kind.encode("ascii"))
    for numbers in lists:
        found = zlib.crc32(numbers.astype("<f8", copy=False).tobytes(), found)
    return found


def _member(group: Any, name: str, kind: Any) -> Any:
    """Return a member of a group that lies in the same file; None if there is none."""
    import h5py  # noqa: PLC0415 - the module itself is light

    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        return None
    found = group[name]
    return found if isinstance(found, kind) else None


def _text(dataset: Any, name: str) -> str:
    if dataset is None or dataset.size != 1:
        raise _RefusedFileError(f"it is damaged: its transform {name} has no type")
    value = dataset[()]
    value = value.ravel()[0] if hasattr(value, "ravel") else value
    text = value.decode("ascii") if isinstance(value, bytes) else str(value)
    if len(text) > _LONGEST_TYPE:
        raise _RefusedFileError(f"it is damaged: the type of its transform {name} is too long")
    return text


def _numbers(dataset: Any, most: int) -> Any:
    if dataset.dtype.kind != "f" or dataset.external or dataset.is_virtual:
        raise _RefusedFileError("it is damaged: its parameters are no floating-point numbers")
    stored = dataset.id.get_storage_size()
    packed = _LARGEST_EXPANSION if dataset.id.get_create_plist().get_nfilters() else 1
    if dataset.size * dataset.dtype.itemsize > stored * packed:
        raise _RefusedFileError(
            f"it is truncated: it claims {dataset.size} parameters, and holds {stored} bytes"
        )
    if dataset.size > most:
        raise _RefusedFileError(
            f"it claims {dataset.size} parameters, more than the limit of {most}: if that is "
            "right, set the environment variable REGKIT_MAX_VOXELS to a larger number"
        )
    return dataset[()].ravel().astype("<f8")


if __name__ == "__main__":
    main()
