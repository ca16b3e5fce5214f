"""Make PREFIX.json: the record of a registration, complete enough to repeat it."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from regkit.errors import FileFormatError
from regkit.geometry.volume import Volume
from regkit.io.formats import is_dicom
from regkit.io.selection import ONLY_IMAGE, ImageSelection
from regkit.registrar import Pair
from regkit.registration.point_error import ErrorAtPoint
from regkit.registration.run import RegistrationResult
from regkit.regular_file import regular_file
from regkit.report.description import linear_fit, transform_record
from regkit.report.environment import environment, method_versions
from regkit.structured_text import parse_json
from regkit.version import installed_version


@dataclass(frozen=True)
class Inputs:
    """Source of a pair, and the time to read and to initialize it.

    Parameters
    ----------
    fixed, moving, fixed_mask, moving_mask
        Files or folders of the images and masks; None for images in memory.
    load_s, init_s
        Seconds to read the images and to compute the initial transform.
    init
        Value of ``--init``.
    init_assumption
        Sentence that says what was assumed about the file of the initial transform; empty if
        nothing was.
    run_id
        Digest of all that decides the result; see `regkit.cli.requests.rerun`.
    selections
        Choice in each image of several series or volumes, by role: fixed, moving.
    fixed_roi, moving_roi
        Regions of the mask files that count; empty for all or the only one.
    points
        File of the points whose expected error is told; None for none or points in memory.
    config
        Options that a configuration file set: ``file`` and ``options``; empty for none.
    init_file, calibration
        Files of the initial transform and of the verdict's card; None for none.
    options
        Options that differ from the defaults, as plain data; see `regkit.report.request_record`.
    command
        Command line; empty for a registration from Python.
    folder
        Folder of the record, to which paths of inputs are told as well; None if it has none.
    """

    fixed: Path | None = None
    moving: Path | None = None
    load_s: float = 0.0
    init_s: float = 0.0
    fixed_mask: Path | None = None
    moving_mask: Path | None = None
    init: str = ""
    init_assumption: str = ""
    run_id: str = ""
    selections: Mapping[str, ImageSelection] = field(default_factory=dict)
    fixed_roi: str = ""
    moving_roi: str = ""
    points: Path | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    init_file: Path | None = None
    calibration: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    folder: Path | None = None


def registration_record(
    result: RegistrationResult,
    transform_file: str | Path,
    inputs: Inputs,
    save_s: float,
    images: Iterable[Path] = (),
) -> dict[str, Any]:
    """Return the record as plain data; its keys are a contract.

    Parameters
    ----------
    result
        The registration.
    transform_file
        File that holds the transform, whose digest is told; or only its name.
    inputs
        Sources of the pair, and the options.
    save_s
        Seconds to write the files.
    images
        Images that were written, whose digests are told.
    """
    pair, centre = result.pair, result.pair.fixed.grid.centre
    return {
        "regkit": installed_version(),
        "command": inputs.command,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "method": result.method,
        "parameters": to_plain_data(result.parameters),
        "device": result.device,
        "seed": _seed(result.parameters),
        "transform": transform_record(result.transform, pair.fixed.grid, Path(transform_file).name)
        | ({"sha256": sha256_of(transform_file)} if isinstance(transform_file, Path) else {}),
        "verdict": {
            "status": result.verdict.status,
            "reasons": list(result.verdict.reasons),
            **(result.verdict.error.as_data() if result.verdict.error else {}),
            "measures": to_plain_data(result.verdict.measures),
            **({"points": points} if (points := point_records(result.verdict.points)) else {}),
        },
        "timing_s": {
            "load": round(inputs.load_s, 4),
            "compute": round(inputs.init_s + result.compute_s, 4),
            "save": round(save_s, 4),
        },
        "inputs": _inputs(pair, inputs),
        "start": {
            "init": inputs.init,
            "matrix": linear_fit(pair.start, centre).matrix.tolist(),
        }
        | ({"assumption": inputs.init_assumption} if inputs.init_assumption else {}),
        "diagnostics": to_plain_data(result.estimate.diagnostics),
        "options": dict(inputs.options),
        "run_id": inputs.run_id,
        "environment": environment(result.device),
        "versions": method_versions(result.method),
        "images": [{"file": image.name, "sha256": sha256_of(image)} for image in images],
    } | ({"config": dict(inputs.config)} if inputs.config else {})


def point_records(points: Iterable[ErrorAtPoint]) -> list[dict[str, Any]]:
    """Return the expected errors at points as plain data; its keys are a contract."""
    return [
        {
            "name": point.name,
            "position_mm": list(point.position_mm),
            "expected_error_mm": round(point.expected_mm, 3),
            "interval_mm": [round(end, 3) for end in point.interval_mm],
        }
        | ({"remark": point.remark} if point.remark else {})
        for point in points
    ]


def read_record(file: Path) -> dict[str, Any]:
    """Return the record in a file; an empty one if the file is missing or holds none."""
    try:
        found = parse_json(regular_file(file).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def to_plain_data(value: Any) -> Any:
    """Return a value in types of JSON; other types become text, NaN becomes null."""
    if isinstance(value, Mapping):
        return {str(key): to_plain_data(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_plain_data(item) for item in value]
    if hasattr(value, "tolist"):
        return to_plain_data(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _seed(parameters: Any) -> int:
    """Return the seed of a method, or of the first of its stages that has one."""
    if "seed" in parameters:
        return int(parameters["seed"])
    nested = [p for v in parameters.values() if isinstance(v, list | tuple) for p in v]
    found = [_seed(p) for p in nested if isinstance(p, dict)]
    return found[0] if found else 0


def _inputs(pair: Pair, inputs: Inputs) -> dict[str, Any]:
    given = {
        "fixed": (pair.fixed, inputs.fixed),
        "moving": (pair.moving, inputs.moving),
        "fixed_mask": (pair.fixed_mask, inputs.fixed_mask),
        "moving_mask": (pair.moving_mask, inputs.moving_mask),
    }
    regions = {"fixed_mask": inputs.fixed_roi, "moving_mask": inputs.moving_roi}
    images = {
        role: _input(volume, path, inputs.selections.get(role, ONLY_IMAGE), inputs.folder)
        | ({"roi": regions[role]} if regions.get(role) else {})
        for role, (volume, path) in given.items()
        if volume is not None
    }
    others = {
        "points": inputs.points,
        "init": inputs.init_file,
        "calibration": inputs.calibration,
    }
    files = {role: _file(path, inputs.folder) for role, path in others.items() if path is not None}
    return images | files


def _file(path: Path | None, folder: Path | None) -> dict[str, Any]:
    """Return path and digest of an input; empty texts for one in memory."""
    if path is None:
        return {"path": "", "sha256": ""}
    told = {"path": str(path), "sha256": sha256_of(path)}
    relative = None if folder is None else _relative_path(path, folder)
    return told | ({"relative_path": relative} if relative else {})


def _relative_path(path: Path, folder: Path) -> str | None:
    """Return a path as seen from the folder of the record; None from another drive."""
    try:
        return Path(os.path.relpath(path.resolve(), folder.resolve())).as_posix()
    except ValueError:
        return None


def _input(
    volume: Volume, path: Path | None, selection: ImageSelection, folder: Path | None
) -> dict[str, Any]:
    known = _file(path, folder) | {
        "shape_zyx": list(volume.grid.shape_zyx),
        "spacing_mm": list(volume.grid.spacing),
        "modality": volume.modality,
        "modality_source": volume.modality_source,
        **selection.as_data(),
    }
    if path is None or volume.modality != "pet":
        return known
    return known | _suv(volume, path, selection)


def _suv(volume: Volume, path: Path, selection: ImageSelection) -> dict[str, Any]:
    """Return the conversion of a DICOM PET to SUV, or the reason that there is none."""
    if not is_dicom(path):
        return {}
    from regkit.io.dicom import read_suv_conversion  # noqa: PLC0415 - loads pydicom, which few need
    from regkit.io.suv import implausible_suv  # noqa: PLC0415

    try:
        conversion = read_suv_conversion(path, selection)
    except FileFormatError as error:
        return {"suv": {"missing": str(error)}}
    voxel_ml = math.prod(volume.grid.spacing) / 1e3
    doubts = implausible_suv(volume.array, conversion, voxel_ml)
    return {"suv": replace(conversion, remarks=(*conversion.remarks, *doubts)).as_data()}


def sha256_of(path: Path) -> str:
    """Return the digest of a file, or of the files of a folder in the order of their names."""
    files = [file for file in sorted(path.rglob("*")) if file.is_file()]
    return _sha256(*map(_state, files if path.is_dir() else [path]))


def _state(file: Path) -> tuple[Path, int, int]:
    state = regular_file(file).stat()
    return file, state.st_size, state.st_mtime_ns


@lru_cache(maxsize=8)  # a run needs the digests of its inputs twice
def _sha256(*states: tuple[Path, int, int]) -> str:
    digest = hashlib.sha256()
    for file, _, _ in states:
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
