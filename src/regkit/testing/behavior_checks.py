"""Checks of the behavior of a method: outputs, side effects and repeatability."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from regkit.geometry.transform import AffineTransform, Transform
from regkit.geometry.volume import LabelMap, Volume
from regkit.io.transforms import read_transform, write_transform
from regkit.plugin import MODELS
from regkit.registrar import Estimate
from regkit.testing import phantom_pairs
from regkit.testing.method_under_test import MethodUnderTest, require
from regkit.testing.phantom_pairs import distance_mm

SAME_MM = 1e-3  # far below a voxel, above the rounding of float32
ORTHOGONAL = 1e-5  # rounding of a float32 matrix


def returns_an_estimate(subject: MethodUnderTest) -> None:
    """Check that an `Estimate` is returned, finite, with diagnostics that JSON can hold."""
    estimate = subject.plain_estimate
    require(
        isinstance(estimate, Estimate),
        f"register must return an Estimate, got {type(estimate).__name__}",
    )
    require(
        isinstance(estimate.transform, Transform),
        f"its transform must be a Transform, got {type(estimate.transform).__name__}",
    )
    require(
        estimate.labels is None or isinstance(estimate.labels, LabelMap),
        f"its labels must be a LabelMap, got {type(estimate.labels).__name__}",
    )
    mapped = estimate.transform.map_points(phantom_pairs.plain_problem().pair.fixed.grid.corners())
    require(bool(np.isfinite(mapped).all()), "its transform is not finite")
    try:
        json.dumps(dict(estimate.diagnostics), allow_nan=False)
    except (TypeError, ValueError) as error:
        require(False, f"JSON cannot hold its diagnostics: {error}")


def returns_its_model(subject: MethodUnderTest) -> None:
    """Check that the transform is of the model that the spec declares."""
    model, transform = subject.spec.model, subject.plain_estimate.transform
    require(model in MODELS, f"its model '{model}' is none of {', '.join(MODELS)}")
    if model == "deformable":
        return
    require(
        isinstance(transform, AffineTransform),
        f"it declares the model '{model}' but returns a {type(transform).__name__}",
    )
    if model in {"none", "rigid", "similarity"}:
        linear = np.asarray(getattr(transform, "matrix"))[:3, :3]  # noqa: B009 - mypy
        scale = abs(np.linalg.det(linear)) ** (1 / 3) if model == "similarity" else 1.0
        off = float(np.abs(linear.T @ linear - scale**2 * np.eye(3)).max())
        require(
            off <= ORTHOGONAL and np.linalg.det(linear) > 0,
            f"it declares the model '{model}' but its matrix is off by {off:.2g}",
        )


def leaves_inputs_unchanged(subject: MethodUnderTest) -> None:
    """Check that neither the pair nor its arrays change, masks included."""
    given = replace(phantom_pairs.torn().pair, initial=AffineTransform.shift((2.0, 0.0, 0.0)))
    pair = phantom_pairs.fresh(given)
    parts = dict(vars(pair))
    subject.new().register(pair)
    for name, part in parts.items():
        require(getattr(pair, name) is part, f"it replaced pair.{name}")
        if isinstance(part, Volume):
            same = np.array_equal(part.array, getattr(given, name).array)
            require(same, f"it changed the array of pair.{name}")
            require(not part.array.flags.writeable, f"it made pair.{name} writeable")


def is_repeatable(subject: MethodUnderTest) -> None:
    """Check that the same pair and parameters give the same map, to a micrometre."""
    problem = phantom_pairs.plain_problem()
    again = subject.register(problem.pair).transform
    apart = distance_mm(again, subject.plain_estimate.transform, problem.points)
    require(
        apart <= SAME_MM,
        f"the same pair and seed gave maps {apart:.2g} mm apart (at most {SAME_MM:g} mm allowed)",
    )


def survives_saving(subject: MethodUnderTest) -> None:
    """Check that the map read back from a file is the map written, to a micrometre."""
    transform = subject.plain_estimate.transform
    suffixes = (".tfm", ".h5") if isinstance(transform, AffineTransform) else (".h5",)
    for suffix in suffixes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"transform{suffix}"
            write_transform(transform, path)
            read = read_transform(path)
        apart = distance_mm(read, transform, phantom_pairs.plain_problem().points)
        require(apart <= SAME_MM, f"read back from {suffix} its map is {apart:.2g} mm away")
