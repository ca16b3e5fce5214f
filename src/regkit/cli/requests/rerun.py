"""Recognize output files that an earlier run of the same command wrote."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regkit.geometry.transform import Transform
    from regkit.registrar import Registrar


def run_id(request: Any, registrar: Registrar, further: Mapping[str, Any] | None = None) -> str:
    """Return a digest of all that decides the result; see `regkit.report.rerun.run_digest`.

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
    from regkit.report.rerun import run_digest

    return run_digest(request, plain_parameters(registrar), further)


def may_replace(
    prefix: Path,
    identity: str,
    force: bool,
    inputs: Iterable[Path | None],
    endings: Iterable[str] | None = None,
) -> bool:
    """Return whether files with a prefix may be replaced; see `regkit.report.rerun`."""
    from regkit.report.rerun import check_replaceable

    return check_replaceable(prefix, identity, force, inputs, endings)


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
