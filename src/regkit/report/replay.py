"""Run a registration again from its record, and compare the results."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from regkit.arguments import checked
from regkit.errors import FileFormatError
from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.transform import AffineTransform, Transform
from regkit.io.transforms import read_transform
from regkit.registration.register import OnStage, register_requested
from regkit.registration.run import RegistrationResult
from regkit.report.environment import environment, method_versions
from regkit.report.record import sha256_of
from regkit.report.record_inputs import FoundInput, find_inputs
from regkit.report.request_record import request_of
from regkit.report.run_record import is_reorientation, read_run_record, require_options

# Largest difference, mm, of transforms that are the same: rounding is a thousand times smaller,
# and no scanner resolves it. Fixed by the contract of the command.
SAME_MM = 1e-6
# Points along each axis of the fixed grid at which transforms are compared; chosen by hand.
POINTS_PER_AXIS = 21

# What was, and what is.
ThenNow: TypeAlias = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Replay:
    """A registration that was run again, beside its record.

    Parameters
    ----------
    file
        The record.
    result
        The new result.
    largest_difference_mm
        Largest distance between points under the old and the new transform, over the fixed
        field of view, mm.
    inputs
        The inputs, which are those of the record.
    verdicts
        Status of the verdict then and now.
    versions, environment
        Differences of the packages and of the machine, then and now, by name.
    transform_file
        State of the file of the transform: ``unchanged``, ``changed`` or ``missing``.
    """

    file: Path
    result: RegistrationResult
    largest_difference_mm: float
    inputs: tuple[FoundInput, ...]
    verdicts: ThenNow
    versions: Mapping[str, ThenNow]
    environment: Mapping[str, ThenNow]
    transform_file: str

    @property
    def same(self) -> bool:
        """True if the transform is the same, to a millionth of a millimeter."""
        return self.largest_difference_mm <= SAME_MM

    def as_data(self) -> dict[str, Any]:
        """Return the comparison as plain data that JSON can hold."""
        difference = self.largest_difference_mm
        return {
            "record": str(self.file),
            "method": self.result.method,
            "same": self.same,
            "largest_difference_mm": difference if np.isfinite(difference) else None,
            "limit_mm": SAME_MM,
            "transform_file": self.transform_file,
            "verdict": _then_now(self.verdicts),
            "inputs": {
                found.role: {"path": str(found.path), "sha256": found.sha256}
                for found in self.inputs
            },
            "versions": {name: _then_now(pair) for name, pair in self.versions.items()},
            "environment": {name: _then_now(pair) for name, pair in self.environment.items()},
        }

    def __repr__(self) -> str:
        same = "the same" if self.same else f"{self.largest_difference_mm:.3g} mm apart"
        return f"<Replay of {self.file}: transforms {same}>"


@checked
def replay(
    file: str | os.PathLike[str],
    *,
    inputs: str | os.PathLike[str] | None = None,
    on_stage: OnStage = nullcontext,
) -> Replay:
    """Run the registration of a record again on the same inputs, and compare the transforms.

    Parameters
    ----------
    file
        PREFIX.json of a registration.
    inputs
        Folder in which the inputs lie now, if they are neither at their paths nor where they
        lay as seen from the record.
    on_stage
        Function that is called with the name of each stage, and returns a context for it.

    Raises
    ------
    FileFormatError
        The file is no record of a registration, or an input is missing, has changed, or came
        from memory.
    """
    path = Path(file)
    record = _registration_record(path)
    with on_stage("comparing the inputs"):
        found = find_inputs(record, path, None if inputs is None else Path(inputs))
        state, old = _old_transform(record, path)
    request = request_of(record, {entry.role: entry.path for entry in found})
    result = register_requested(request, on_stage)
    told = record["environment"] | {"device": record["device"]}
    now = environment(result.device) | {"device": result.device}
    return Replay(
        path,
        result,
        largest_difference_mm(old, result.transform, result.pair.fixed.grid),
        found,
        (record["verdict"]["status"], result.verdict.status),
        _differences(record["versions"], method_versions(result.method)),
        _differences(told, now),
        state,
    )


def _registration_record(file: Path) -> dict[str, Any]:
    """Return the record in a file; refuse other files, and records that cannot be replayed."""
    record = read_run_record(file)
    if is_reorientation(record):
        raise FileFormatError(
            f"{file} is the record of a reorientation; replay runs those of registrations"
        )
    require_options(record, file)
    return record


def _old_transform(record: Mapping[str, Any], file: Path) -> tuple[str, Transform]:
    """Return the state of the transform's file, and the transform."""
    told = record["transform"]
    path = file.with_name(str(told["file"]))
    state = "missing"
    if path.is_file():
        state = "unchanged" if sha256_of(path) == told.get("sha256") else "changed"
    if told["model"] != "deformable":
        return state, AffineTransform(np.array(told["matrix"]))  # to the last bit
    if state != "unchanged":
        raise FileFormatError(
            f"{path} is {state}: the record of a deformable registration needs its transform to "
            "compare with"
        )
    return state, read_transform(path)


def largest_difference_mm(old: Transform, new: Transform, grid: Grid) -> float:
    """Return the largest distance between points of a grid under two maps, mm."""
    points = np.concatenate([_lattice(grid), grid.corners()])
    apart = np.linalg.norm(old.map_points(points) - new.map_points(points), axis=1)
    return float(apart.max())


def _lattice(grid: Grid) -> FloatArray:
    """Return points spread over a field of view, LPS mm, shape (N, 3)."""
    axes = [np.linspace(0, n - 1, min(n, POINTS_PER_AXIS)) for n in grid.shape_zyx]
    index = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    return grid.to_physical(index)


def _differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, ThenNow]:
    """Return the values that differ, as text."""
    names = [name for name in {**then, **now} if then.get(name, "") != now.get(name, "")]
    return {name: (_text(then.get(name, "")), _text(now.get(name, ""))) for name in names}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _then_now(pair: ThenNow) -> dict[str, str]:
    then, now = pair
    return {"then": then, "now": now}
