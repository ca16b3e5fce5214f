"""Simulation of the cases of a dataset into a dataset folder."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regkit.cli.context import current_registry

if TYPE_CHECKING:
    from regkit.datasets.export import ImageWriter, Painter, Simulation
    from regkit.plugin import DatasetSpec

NIFTI = "nifti"


@dataclass(frozen=True)
class SimulateRequest:
    """One simulation of a dataset.

    Parameters
    ----------
    dataset
        Name of the dataset.
    folder
        Dataset folder to write.
    parameters
        Parameters of the dataset; those that are None keep their defaults.
    assignments
        Further parameters as ``KEY=VALUE``; they override the others.
    file_format
        Format of the images.
    montage
        True to write a picture of every case.
    """

    dataset: str
    folder: Path
    parameters: dict[str, Any]
    assignments: Sequence[str] = ()
    file_format: str = NIFTI
    montage: bool = False


def open_simulation(request: SimulateRequest) -> Simulation:
    """Return the simulation that a request describes; nothing is written yet."""
    from regkit.datasets.export import Simulation
    from regkit.datasets.folder import build_dataset
    from regkit.registration.parameters import parse_assignment

    registry = current_registry()
    parameters = {key: value for key, value in request.parameters.items() if value is not None}
    parameters |= dict(parse_assignment(text) for text in request.assignments)
    dataset = build_dataset(request.dataset, parameters, registry)
    spec = registry.dataset(request.dataset).spec
    return Simulation(
        dataset,
        request.folder,
        _writer(spec, request.file_format),
        _painter(spec) if request.montage else None,
        request.file_format,
    )


def _writer(spec: DatasetSpec, name: str) -> ImageWriter:
    from regkit.datasets.export import as_nifti
    from regkit.errors import ParameterError

    if name == NIFTI:
        return as_nifti
    if name not in spec.writers:
        known = ", ".join((NIFTI, *spec.writers))
        raise ParameterError(f"{spec.name} cannot be written as '{name}'; use {known}")
    return _imported(spec.writers[name])  # type: ignore[no-any-return]


def _painter(spec: DatasetSpec) -> Painter:
    from regkit.report.cases import picture_of_case

    return _imported(spec.picture) if spec.picture else picture_of_case


def _imported(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)
