"""Hand a pair from the process that scores to that of a method, and back what the method found.

The estimate comes back as plain data and files. The pair is pickled: the process of the method is
the one that trusts the other, never the other way round.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from regkit.benchmark.worker_plan import Facts
from regkit.errors import BenchmarkError, OutputError, RegkitError
from regkit.geometry.grid import Grid
from regkit.geometry.transform import AffineTransform, Transform
from regkit.geometry.volume import LabelMap, Volume
from regkit.io.output_error import output_error_message
from regkit.io.transforms import read_transform, write_transform
from regkit.registrar import Estimate, Judgement, Pair

_PAIR_FILE = "pair.pickle"
_TRANSFORM_FILE = "transform.h5"
_LABELS = ("labels", "fixed_labels")


def hand_pair(pair: Pair, folder: Path) -> None:
    """Write a pair for `handed_pair` into a folder that only the two processes use."""
    try:
        with (folder / _PAIR_FILE).open("wb") as file:
            pickle.dump(pair, file, pickle.HIGHEST_PROTOCOL)
    except OSError as error:
        raise OutputError(output_error_message(folder, error)) from error
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise BenchmarkError(
            "the dataset made a pair that cannot go to the process of a method: define the class "
            f"of its transform at the top of a module, without locks or open files ({error})"
        ) from error


def handed_pair(folder: Path) -> Pair:
    """Return the pair in a folder; never call this where scores are made."""
    with (folder / _PAIR_FILE).open("rb") as file:
        pair: Pair = pickle.load(file)  # noqa: S301 - written by the process that scores
    # Arrays as any other images have, whose memory is not that of what was read; one at a time, so
    # that only one is in memory twice.
    for role in [role for role, volume in vars(pair).items() if isinstance(volume, Volume)]:
        read: Any = getattr(pair, role)
        own: Any = {role: replace(read, array=read.array.copy())}
        del read
        pair = replace(pair, **own)
    return pair


def write_estimate(estimate: Estimate, own: Judgement | None, folder: Path) -> Facts:
    """Write an estimate into a folder; return the part of it that is plain data.

    Parameters
    ----------
    estimate
        Output of the method.
    own
        Judgement of the method's own judge; None without one.
    folder
        Folder that only this process and the one that scores use.
    """
    labels = {name: getattr(estimate, name) for name in _LABELS}
    return {
        "transform": _write_transform(estimate.transform, folder),
        "diagnostics": json.loads(json.dumps(dict(estimate.diagnostics), default=_plain)),
        "own": None if own is None else json.loads(json.dumps(asdict(own), default=_plain)),
        **{name: _write_labels(map_, folder / f"{name}.npy") for name, map_ in labels.items()},
    }


def read_estimate(facts: Mapping[str, Any], folder: Path) -> tuple[Estimate, Judgement | None]:
    """Return an estimate and the judgement of its own judge; see `write_estimate`.

    Raises
    ------
    BenchmarkError
        The data are not what `write_estimate` returns, or files are missing or damaged.
    """
    try:
        estimate = Estimate(
            _read_transform(facts["transform"], folder),
            *(_read_labels(facts[_LABELS[0]], folder / f"{_LABELS[0]}.npy"), facts["diagnostics"]),
            fixed_labels=_read_labels(facts[_LABELS[1]], folder / f"{_LABELS[1]}.npy"),
        )
        return estimate, None if facts["own"] is None else _judgement(facts["own"])
    except (OSError, ValueError, TypeError, LookupError, AttributeError, RegkitError) as error:
        raise BenchmarkError(f"the method handed over no estimate: {error}") from error


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _write_transform(transform: Transform, folder: Path) -> Any:
    """Return a linear transform as rows of numbers; write another one to a file."""
    if isinstance(transform, AffineTransform):
        return transform.matrix.tolist()
    write_transform(transform, folder / _TRANSFORM_FILE)
    return _TRANSFORM_FILE


def _read_transform(stored: Any, folder: Path) -> Transform:
    if stored == _TRANSFORM_FILE:
        return read_transform(folder / _TRANSFORM_FILE)
    return AffineTransform(np.array(stored, np.float64))


def _write_labels(labels: LabelMap | None, file: Path) -> Any:
    """Write the voxels of a segmentation; return the rest of it as plain data."""
    if labels is None:
        return None
    np.save(file, labels.array, allow_pickle=False)
    grid, names = asdict(labels.grid), {str(number): name for number, name in labels.names.items()}
    described = {"grid": grid, "names": names, "modality": labels.modality}
    return json.loads(json.dumps(described, default=_plain))


def _read_labels(described: Any, file: Path) -> LabelMap | None:
    if described is None:
        return None
    array = np.load(file, allow_pickle=False)
    names = {int(number): name for number, name in described["names"].items()}
    grid = Grid(**{key: _tuples(value) for key, value in described["grid"].items()})
    return LabelMap(array, grid, described["modality"], names=names)


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _judgement(stored: Mapping[str, Any]) -> Judgement:
    findings = tuple((status, text) for status, text in stored["findings"])
    return Judgement(findings, dict(stored["measures"]), str(stored["caution"]))
