"""Read and write regkit's JSON: a matrix with its convention, or a registration's record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from regkit.errors import FileFormatError, TransformError
from regkit.geometry.transform import AffineTransform, Transform
from regkit.io.transforms.format import ImagePair, TransformFormat, require_affine
from regkit.io.transforms.matrix_text import parse_matrix, read_text
from regkit.structured_text import parse_json

CONVENTION = {"frame": "LPS", "maps": "fixed to moving", "unit": "mm"}


def read_json(path: Path, images: ImagePair) -> AffineTransform:  # noqa: ARG001
    """Read ``{"matrix": ...}``, or the transform in a registration's PREFIX.json."""
    record = _load(path)
    record = record.get("transform", record)
    if not isinstance(record, dict) or "matrix" not in record:
        raise FileFormatError('it has no "matrix" (nor a "transform" that has one)')
    for key, expected in CONVENTION.items():
        if record.get(key, expected) != expected:
            raise FileFormatError(f'"{key}" must be "{expected}", got "{record[key]}"')
    if record.get("model") == "deformable":
        raise TransformError(
            f"its matrix is only the linear part of the transform; read {record.get('file')}"
        )
    return AffineTransform(_matrix(record["matrix"]))


def write_json(transform: Transform, path: Path, images: ImagePair) -> None:  # noqa: ARG001
    """Write a linear transform with its frame, direction and unit."""
    matrix = require_affine(transform).matrix
    rows = ",\n    ".join(json.dumps(row) for row in (matrix + 0.0).tolist())
    convention = "".join(f'  "{key}": "{value}",\n' for key, value in CONVENTION.items())
    path.write_text(f'{{\n{convention}  "matrix": [\n    {rows}\n  ]\n}}\n', encoding="utf-8")


def _load(path: Path) -> dict[str, Any]:
    try:
        record = parse_json(read_text(path))
    except ValueError as error:
        raise FileFormatError(f"it is not JSON, or truncated: {error}") from error
    if not isinstance(record, dict):
        raise FileFormatError(f"a JSON object is needed, got a {type(record).__name__}")
    return record


def _matrix(rows: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise FileFormatError('"matrix" must be a list of 4 lists of 4 numbers')
    return parse_matrix(" ".join(str(value) for value in row) for row in rows)


def _recognizes(path: Path, start: bytes) -> bool:
    return path.suffix.lower() == ".json" or start.lstrip().startswith(b"{")


JSON = TransformFormat(
    name="json",
    title="regkit's JSON: fixed to moving points, LPS mm; reads a registration's record too",
    suffixes=(".json",),
    recognizes=_recognizes,
    read=read_json,
    write=write_json,
)
