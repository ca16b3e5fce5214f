"""Dataset folders: a ``dataset.json``, or a table, beside the images that it names."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, is_dataclass
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any, cast

from regkit.datasets.case import Case, Dataset
from regkit.datasets.pair_rows import TABLE_SUFFIXES, dataset_entries
from regkit.errors import FileFormatError, ParameterError
from regkit.geometry.grid import FloatArray
from regkit.io import read_labels, read_landmarks, read_mask, read_volume
from regkit.io.labeled_image import LabeledImage
from regkit.io.landmark_pairs import read_landmark_pairs
from regkit.io.limits import leads_outside, outside_allowed
from regkit.io.region import ALL_REGIONS, number_like
from regkit.io.transforms import read_transform
from regkit.registrar import Pair
from regkit.registration.parameters import configure
from regkit.registry import Registry, suggest
from regkit.regular_file import regular_file
from regkit.structured_text import parse_json

INDEX = "dataset.json"
# Keys of a case whose values are paths of files.
FILE_KEYS = (
    "fixed",
    "moving",
    "fixed_mask",
    "moving_mask",
    "initial",
    "truth",
    "fixed_labels",
    "moving_labels",
    "fixed_landmarks",
    "moving_landmarks",
)
# Keys of a Learn2Reg dataset JSON that hold pairs -> the split of the cases.
LEARN2REG_PAIRS = {"registration_val": "validation", "registration_test": "test"}
# Key of a case's further files: name -> path, which `Case.extra` holds.
ATTACHED = "files"
# Keys of a case that say how to read its files.
SETTINGS = (
    *("fixed_modality", "moving_modality", "fixed_roi", "moving_roi"),
    *("fixed_series", "moving_series"),
)
KNOWN_KEYS = {*FILE_KEYS, ATTACHED, "id", "group", *SETTINGS}


@dataclass(frozen=True)
class DatasetFolder:
    """The cases of a dataset folder, read one at a time.

    Parameters
    ----------
    folder
        Folder of ``dataset.json``; the paths in it are relative to this.
    name
        Name of the dataset.
    entries
        Cases as the index gives them.
    """

    folder: Path
    name: str
    entries: tuple[dict[str, Any], ...]

    def __len__(self) -> int:
        """Return the number of cases."""
        return len(self.entries)

    def __iter__(self) -> Iterator[Case]:
        """Read and yield the cases in the order of the index."""
        return map(self._case, self.entries)

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the cases, in the order of the index."""
        return tuple(entry["id"] for entry in self.entries)

    def case(self, index: int) -> Case:
        """Read one case by its position in the index, from 0."""
        return self._case(self.entries[index])

    def split(self, name: str) -> DatasetFolder:
        """Return only the cases of one split (``train``, ``validation``, ``test``)."""
        kept = tuple(e for e in self.entries if e.get("split") == name)
        return DatasetFolder(self.folder, self.name, kept)

    def _case(self, entry: dict[str, Any]) -> Case:
        paths = {key: self.folder / entry[key] for key in FILE_KEYS if entry.get(key)}

        def read(reader: Any, key: str, *more: Any) -> Any:
            return reader(paths[key], *more) if key in paths else None

        fixed, moving = (
            read_volume(
                paths[role],
                entry.get(f"{role}_modality", ""),
                series=entry.get(f"{role}_series", ""),
            )
            for role in ("fixed", "moving")
        )
        of_fixed = LabeledImage(fixed.grid, paths["fixed"])
        of_moving = LabeledImage(moving.grid, paths["moving"])
        # FSL's and voxel matrices refer to the headers of the images.
        through = partial(read_transform, fixed=paths["fixed"], moving=paths["moving"])
        pair = Pair(
            fixed,
            moving,
            read(read_mask, "fixed_mask", entry.get("fixed_roi", ""), of_fixed),
            read(read_mask, "moving_mask", entry.get("moving_roi", ""), of_moving),
            read(through, "initial"),
        )
        fixed_landmarks, moving_landmarks = _landmarks(paths)
        fixed_labels = read(read_labels, "fixed_labels", ALL_REGIONS, of_fixed)
        moving_labels = read(read_labels, "moving_labels", ALL_REGIONS, of_moving)
        if fixed_labels is not None and moving_labels is not None:
            moving_labels = number_like(moving_labels, fixed_labels)
        return Case(
            id=entry["id"],
            pair=pair,
            truth=read(through, "truth"),
            group=entry.get("group") or entry["id"],
            fixed_labels=fixed_labels,
            moving_labels=moving_labels,
            fixed_landmarks=fixed_landmarks,
            moving_landmarks=moving_landmarks,
            extra={k: v for k, v in entry.items() if k not in KNOWN_KEYS}
            | {k: self.folder / file for k, file in entry.get(ATTACHED, {}).items()},
        )


def _landmarks(paths: Mapping[str, Path]) -> tuple[FloatArray | None, FloatArray | None]:
    """Return the landmarks of a case, in pairs if both images have them."""
    fixed, moving = paths.get("fixed_landmarks"), paths.get("moving_landmarks")
    if fixed is not None and moving is not None:
        return read_landmark_pairs(fixed, moving)
    return (
        None if fixed is None else read_landmarks(fixed),
        None if moving is None else read_landmarks(moving),
    )


def build_dataset(name: str, parameters: Mapping[str, Any], registry: Registry) -> Dataset:
    """Build a dataset of a plugin.

    Parameters
    ----------
    name
        Name of the dataset.
    parameters
        Values of its parameters; text is converted to their type.
    registry
        Source of the datasets.

    Raises
    ------
    UnknownNameError, DuplicateNameError, MissingDependencyError, PluginError
        A name that cannot be used.
    ParameterError
        A parameter the dataset does not have, or a value it cannot take.
    """
    target = registry.dataset(name).load()
    if is_dataclass(target):
        return cast("Dataset", configure(target, name, parameters))
    known = signature(target).parameters
    for key in parameters:
        if key not in known:
            raise ParameterError(
                f"{name} has no parameter '{key}'; {suggest(key, known, 'its parameters')}"
            )
    return cast("Dataset", target(**parameters))


def read_dataset(path: Path | str) -> DatasetFolder:
    """Open a dataset folder.

    Parameters
    ----------
    path
        Dataset folder, or its ``dataset.json``; a table of pairs (CSV or TSV), or the JSON file of
        a Learn2Reg dataset.

    Raises
    ------
    FileFormatError
        The index is missing or malformed, two cases have one id, or files are missing; all missing
        files are named at once.
    """
    path = Path(path)
    if path.is_file() and path.suffix.lower() in TABLE_SUFFIXES:
        return DatasetFolder(path.parent, path.stem, dataset_entries(path))
    index = path / INDEX if path.is_dir() else path
    content = _load(index)
    is_learn2reg = "cases" not in content and LEARN2REG_PAIRS.keys() & content.keys()
    entries = _learn2reg(content, index) if is_learn2reg else content.get("cases")
    if not isinstance(entries, list) or not entries:
        raise FileFormatError(f"{index}: a dataset needs a list 'cases' with at least one case")
    _check(index, entries)
    return DatasetFolder(
        index.parent, str(content.get("name") or index.parent.name), tuple(entries)
    )


def write_dataset(folder: Path, name: str, entries: list[dict[str, Any]]) -> None:
    """Write the index of a dataset folder, whose files must exist."""
    _check(folder / INDEX, entries)
    content = {"name": name, "version": 1, "cases": entries}
    partial = folder / f".{INDEX}.partial"
    partial.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    partial.replace(folder / INDEX)


def _load(index: Path) -> dict[str, Any]:
    try:
        # Windows programs write a byte order mark in front of UTF-8.
        content = parse_json(regular_file(index).read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        others = [f.name for f in sorted(index.parent.glob("*.json")) if _may_be_dataset(f)]
        hint = f"; give the JSON file itself if it is {' or '.join(others[:3])}" if others else ""
        raise FileFormatError(
            f"{index.parent} is not a dataset folder: there is no {index.name} in it{hint}"
        ) from error
    except (OSError, ValueError) as error:
        raise FileFormatError(f"cannot read {index} as JSON: {error}") from error
    if not isinstance(content, dict):
        raise FileFormatError(
            f"{index}: a dataset is a JSON object, got a {type(content).__name__}"
        )
    return content


def _may_be_dataset(file: Path) -> bool:
    """Return whether a JSON file lists cases, in the form of regkit or of Learn2Reg."""
    try:
        content = parse_json(regular_file(file).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and bool(content.keys() & {"cases", *LEARN2REG_PAIRS})


def _check(index: Path, entries: list[dict[str, Any]]) -> None:
    seen: set[str] = set()
    missing, outside = [], []
    for number, entry in enumerate(entries, start=1):
        _check_form(index, number, entry)
        lacking = [k for k in ("id", "fixed", "moving") if not entry.get(k)]
        if lacking:
            raise FileFormatError(f"{index}: case {number} lacks {' and '.join(lacking)}")
        if entry["id"] in seen:
            raise FileFormatError(f"{index}: two cases have the id '{entry['id']}'")
        seen.add(entry["id"])
        named = _files(entry)
        outside += [file for file in named if leads_outside(file)]
        missing += [file for file in named if not _exists(index.parent / file)]
    if outside and not outside_allowed():
        raise FileFormatError(
            f"{index} names {len(outside)} files elsewhere than beside or below it: {outside[0]}; "
            "move them there, or trust it: regkit --allow-outside COMMAND"
        )
    if missing:
        listed = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        raise FileFormatError(f"{index}: {len(missing)} files are missing: {listed}")


def _files(entry: dict[str, Any]) -> list[str]:
    """Return the files that a case names."""
    return [entry[key] for key in FILE_KEYS if entry.get(key)] + [
        *entry.get(ATTACHED, {}).values()
    ]


def _exists(file: Path) -> bool:
    """Return whether there is a file or folder; a name that no file can have is none."""
    with suppress(OSError, TypeError, ValueError):
        return file.exists()
    return False


def _check_form(index: Path, number: int, entry: Any) -> None:
    """Refuse a case that is not a JSON object, or whose ids and paths are not text."""
    if not isinstance(entry, dict):
        raise FileFormatError(f"{index}: case {number} must be a JSON object, got {entry!r}")
    for key in ("id", "group", *SETTINGS, *FILE_KEYS):
        if not isinstance(entry.get(key) or "", str):
            raise FileFormatError(
                f"{index}: the {key} of case {number} must be text, got {entry[key]!r}"
            )
    attached = entry.get(ATTACHED, {})
    if not isinstance(attached, dict) or not all(isinstance(f, str) for f in attached.values()):
        raise FileFormatError(
            f"{index}: the {ATTACHED} of case {number} must be an object of names and paths"
        )


def _learn2reg(content: dict[str, Any], index: Path) -> list[dict[str, Any]]:
    """Turn the pairs of a Learn2Reg dataset JSON into cases, with their labels where present."""
    entries = []
    for key, split in LEARN2REG_PAIRS.items():
        for number, pair in enumerate(_listed(content.get(key)), start=1):
            _check_form(index, number, pair)
            entry = {"fixed": pair.get("fixed"), "moving": pair.get("moving"), "split": split}
            if entry["fixed"] and entry["moving"]:
                entry["group"] = _stem(entry["fixed"])
                entry["id"] = f"{entry['group']}-{_stem(entry['moving'])}"
                for role in ("fixed", "moving"):
                    labels = entry[role].replace("images", "labels")
                    if labels != entry[role] and (index.parent / labels).exists():
                        entry[f"{role}_labels"] = labels
            entries.append(entry)
    return entries


def _listed(pairs: Any) -> list[Any]:
    """Return pairs as a list, whether the file has none, a single one or a list."""
    return pairs if isinstance(pairs, list) else [pairs] if pairs else []


def _stem(file: str) -> str:
    return Path(file).name.split(".")[0]
