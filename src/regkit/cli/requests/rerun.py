"""Recognize output files that an earlier run of the same command wrote."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regkit.geometry.transform import Transform
    from regkit.registrar import Registrar

# Fields of a request that do not change the result; the method's parameters stand for `settings`.
NOT_IN_RESULT = ("output", "settings", "report", "force", "warped", "moved", "dicom")


def run_id(request: Any, registrar: Registrar, further: Mapping[str, Any] | None = None) -> str:
    """Return a digest of the inputs' contents, the method, its parameters and all options.

    The same command on the same files has the same digest, in any folder and version of regkit:
    options that are not given do not count, whatever options there are.

    Parameters
    ----------
    request
        Frozen dataclass of the images, the method and the options.
    registrar
        The method, with its parameters.
    further
        Options of a command that does more than the request says.
    """
    from regkit.registration.run import plain_parameters
    from regkit.report.record import to_plain_data

    options = {
        field.name: _identity(getattr(request, field.name))
        for field in dataclasses.fields(request)
        if field.name not in NOT_IN_RESULT
    }
    decisive = _given(options | _identity(further or {}))
    decisive["parameters"] = to_plain_data(plain_parameters(registrar))
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def may_replace(
    prefix: Path,
    identity: str,
    force: bool,
    inputs: Iterable[Path | None],
    endings: Iterable[str] | None = None,
) -> bool:
    """Return whether files with a prefix may be replaced: the same run wrote them, or by force.

    Parameters
    ----------
    prefix
        Folder and beginning of the names of the output files.
    identity
        Digest of the run, by `run_id`.
    force
        True to replace files of another run.
    inputs
        Files that must not be replaced; None stands for one that was not given.
    endings
        Endings of the names of the output files; None for those of a registration.

    Raises
    ------
    OutputError
        Files of another run exist, or an input has the name of an output.
    """
    from regkit.errors import OutputError
    from regkit.io.atomic_output import refuse_input
    from regkit.report.record import read_record
    from regkit.report.save import ENDINGS

    files = (prefix.parent / f"{prefix.name}{ending}" for ending in endings or ENDINGS)
    existing = [file for file in files if file.is_file()]
    given = [path for path in inputs if path is not None]
    for file in existing:
        refuse_input(file, given)
    record = read_record(prefix.with_name(f"{prefix.name}.json"))
    if force or record.get("run_id") == identity:
        return True
    if existing:
        raise OutputError(
            f"{existing[0]} {_origin(record)}; choose another -o, or replace it with --force"
        )
    return False


def same_transform(new: Path, old: Path) -> bool:
    """Return whether two HDF5 files hold one transform; their bytes hold the time of writing."""
    from regkit.errors import RegkitError
    from regkit.io.transforms import read_transform
    from regkit.io.transforms.itk import HDF5_SUFFIXES

    if old.suffix.lower() not in HDF5_SUFFIXES or not old.is_file():
        return False
    try:
        return _same(read_transform(new), read_transform(old))
    except RegkitError:
        return False


def _same(new: Transform, old: Transform) -> bool:
    """Return whether two transforms are equal to the last bit."""
    from regkit.geometry.transform import DisplacementField, TransformChain

    if isinstance(new, TransformChain) and isinstance(old, TransformChain):
        steps = zip_longest(new.transforms, old.transforms)
        return all(first and second and _same(first, second) for first, second in steps)
    if isinstance(new, DisplacementField) and isinstance(old, DisplacementField):
        equal = new.displacement.tobytes() == old.displacement.tobytes()
        return new.grid == old.grid and equal
    return new == old


def _identity(value: Any) -> Any:
    """Return plain data that are equal for equal options and for files of equal contents."""
    from regkit.report.record import sha256_of, to_plain_data

    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, Mapping):
        return {key: _identity(inner) for key, inner in value.items()}
    if isinstance(value, Path):
        return sha256_of(value) if value.exists() else str(value)
    if isinstance(value, str) and Path(value).is_file():  # --init may name a file
        return [value, sha256_of(Path(value))]
    return to_plain_data(value)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that are not empty, also inside of others."""
    found = {key: _given(v) if isinstance(v, dict) else v for key, v in options.items()}
    return {key: value for key, value in found.items() if value}


def _origin(record: dict[str, Any]) -> str:
    if "method" not in record:
        return "exists, and no record tells that this command wrote it"
    inputs = record.get("inputs", {})
    paths = [
        inputs[role]["path"] for role in ("fixed", "moving") if inputs.get(role, {}).get("path")
    ]
    images = f" of {' and '.join(paths)}" if paths else ""
    return f"exists, from another run ({record['method']}{images})"
