"""Recognize output files that an earlier run of the same registration wrote."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from regkit.errors import OutputError
from regkit.geometry.volume import Volume
from regkit.io.atomic_output import refuse_input
from regkit.report.record import read_record, sha256_of, to_plain_data
from regkit.report.save import ENDINGS

# Fields of a request that do not change the result; the method's parameters stand for `settings`.
NOT_IN_RESULT = (
    "output", "settings", "report", "force", "warped", "moved", "dicom", "seed", "device",
    "threads",
)  # fmt: skip


def run_digest(
    request: Any, parameters: Mapping[str, Any], further: Mapping[str, Any] | None = None
) -> str:
    """Return a digest of the inputs' contents, the method, its parameters and all options.

    The same command on the same files has the same digest, in any folder and version of regkit:
    options that are not given do not count, whatever options there are.

    Parameters
    ----------
    request
        Frozen dataclass of the images, the method and the options.
    parameters
        Parameters of the method, defaults included, as plain data.
    further
        Options of a command that does more than the request says.
    """
    options = {
        field.name: _identity(getattr(request, field.name))
        for field in dataclasses.fields(request)
        if field.name not in NOT_IN_RESULT
    }
    decisive = _given(options | _identity(further or {}))
    decisive["parameters"] = to_plain_data(parameters)
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def check_replaceable(
    prefix: Path,
    digest: str,
    force: bool,
    inputs: Iterable[Path | None],
    endings: Iterable[str] | None = None,
) -> bool:
    """Return whether files with a prefix may be replaced: the same run wrote them, or by force.

    Parameters
    ----------
    prefix
        Folder and beginning of the names of the output files.
    digest
        Digest of the run, by `run_digest`.
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
    files = (prefix.parent / f"{prefix.name}{ending}" for ending in endings or ENDINGS)
    existing = [file for file in files if file.is_file()]
    given = [path for path in inputs if path is not None]
    for file in existing:
        refuse_input(file, given)
    record = read_record(prefix.with_name(f"{prefix.name}.json"))
    if force or record.get("run_id") == digest:
        return True
    if existing:
        raise OutputError(
            f"{existing[0]} {_origin(record)}; choose another -o, or replace it with --force"
        )
    return False


def _identity(value: Any) -> Any:
    """Return plain data that are equal for equal options and for files of equal contents."""
    if isinstance(value, Volume):
        return _volume_identity(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, Mapping):
        return {key: _identity(inner) for key, inner in value.items()}
    if isinstance(value, Path):
        return sha256_of(value) if value.exists() else str(value)
    if isinstance(value, str) and Path(value).is_file():  # --init may name a file
        return [value, sha256_of(Path(value))]
    return to_plain_data(value)


def _volume_identity(volume: Volume) -> dict[str, Any]:
    """Return what stands for an image in memory."""
    voxels = np.ascontiguousarray(volume.array)
    return {
        "voxels": hashlib.sha256(voxels.data).hexdigest(),
        "dtype": str(voxels.dtype),
        "grid": dataclasses.asdict(volume.grid),
        "modality": volume.modality,
    }


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
