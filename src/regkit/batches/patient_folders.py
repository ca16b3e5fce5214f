"""Pairs or images of a folder of patients, one folder each, or of a BIDS dataset."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from regkit.batches.batch_kind import BatchKind
from regkit.batches.batch_pair import BatchPair
from regkit.batches.found_image import FoundImage, find_images, image_of_file
from regkit.benchmark.records import RECORDS_FILE
from regkit.errors import FileFormatError, ParameterError

logger = logging.getLogger(__name__)

# File that every BIDS dataset has (BIDS 1.10, "Modality agnostic files").
BIDS_FILE = "dataset_description.json"
# Images and patients that a message names; chosen by hand.
_LISTED = 6


def find_pairs(folder: Path, names: Mapping[str, str], kind: BatchKind) -> list[BatchPair]:
    """Return a pair for each patient of a folder, or for each session of a BIDS dataset.

    Nothing is guessed: a patient that has none or several images of a role becomes a pair whose
    `problem` lists what is there. Where one image is a row, a folder may hold the images itself.

    Parameters
    ----------
    folder
        Folder with a folder for each patient, or a BIDS dataset.
    names
        Name of the image of each role: a modality, and words of the file's name or the series'
        description if there are several (``ct lung``, ``T1w``).
    kind
        Kind of the batch.

    Raises
    ------
    FileFormatError
        No patients, or no patient with such images.
    ParameterError
        No names.
    """
    is_bids = (folder / BIDS_FILE).is_file()
    groups = _bids_groups(folder) if is_bids else _patients(folder)
    if not groups and "fixed" not in kind.layout.required:
        return _loose_images(folder, names)
    if not groups:
        raise FileFormatError(_nothing_in(folder, is_bids=is_bids))
    if not names:
        raise ParameterError(
            f"{folder}: say which image of each patient is meant, as in {kind.option} "
            f"{kind.example}; there are {_modalities(groups.values())}"
        )
    pairs = [_pair(name, images, names, kind) for name, images in groups.items()]
    if all(pair.problem for pair in pairs):
        called = " and one called ".join(f"'{name}'" for name in names.values())
        raise FileFormatError(
            f"{folder}: none of {len(pairs)} patients has one image called {called}; "
            f"{pairs[0].id}: {pairs[0].problem}"
        )
    return pairs


def _patients(folder: Path) -> dict[str, list[FoundImage]]:
    """Return the images of each patient by the name of the folder; results are no patient."""
    folders = sorted(
        path
        for path in folder.iterdir()
        if path.is_dir() and not path.name.startswith(".") and not _holds_results(path)
    )
    found = {path.name: find_images(path) for path in folders}
    empty = [name for name, images in found.items() if not images]
    if empty and len(empty) < len(found):
        logger.warning("there are no images in the folders %s", ", ".join(empty[:_LISTED]))
    patients = {name: images for name, images in found.items() if images}
    loose = [path.name for path in sorted(folder.iterdir()) if image_of_file(path)]
    if patients and loose:
        names = ", ".join(loose[:_LISTED])
        logger.warning("%s: images beside the folders of patients are not used: %s", folder, names)
    return patients


def _bids_groups(folder: Path) -> dict[str, list[FoundImage]]:
    """Return the images of each session, or of each subject that has none, in a BIDS dataset."""
    groups: defaultdict[str, list[FoundImage]] = defaultdict(list)
    for subject in sorted(path for path in folder.glob("sub-*") if path.is_dir()):
        for image in find_images(subject):
            entities = re.match(r"(sub-[^_/]+)(?:_(ses-[^_/]+))?", image.path.name)
            parts = [part for part in entities.groups() if part] if entities else [subject.name]
            groups["_".join(parts)].append(image)
    return dict(sorted(groups.items()))


def _loose_images(folder: Path, names: Mapping[str, str]) -> list[BatchPair]:
    """Return the images that lie in a folder itself, each by the name of its file or series."""
    wanted = names.get("moving", "")
    results = [path for path in folder.iterdir() if _holds_results(path)]
    found = [
        image
        for image in find_images(folder)
        if not any(image.path.is_relative_to(path) for path in results)
        and (not wanted or image.is_called(wanted))
    ]
    if not found:
        called = f" called '{wanted}'" if wanted else ""
        raise FileFormatError(f"{folder}: there is no image{called} in this folder or below")
    ids = [image.plain_name for image in found]
    if twice := [name for name in dict.fromkeys(ids) if ids.count(name) > 1]:
        raise FileFormatError(
            f"{folder}: {ids.count(twice[0])} images are called '{twice[0]}'; give each a folder "
            "of its own, or write a table with the columns id and image"
        )
    return [pair_of_image(image) for image in found]


def _holds_results(path: Path) -> bool:
    """Return whether a folder is that of a batch or benchmark, which may lie beside patients."""
    return (path / RECORDS_FILE).is_file()


def pair_of_image(image: FoundImage) -> BatchPair:
    """Return the row of a single image, by the name of its file or series."""
    return BatchPair(image.plain_name, _columns("moving", image))


def _pair(
    name: str, images: Sequence[FoundImage], names: Mapping[str, str], kind: BatchKind
) -> BatchPair:
    """Return the pair of a patient, with a problem unless each role has exactly one image."""
    values: dict[str, str] = {}
    problems = []
    for role, wanted in names.items():
        found = [image for image in images if image.is_called(wanted)]
        if len(found) == 1:
            values |= _columns(role, found[0])
        elif found:
            problems.append(f"{len(found)} images are called '{wanted}': {_listed(found)}")
        else:
            problems.append(f"no image is called '{wanted}'; there are {_listed(images)}")
    if not problems and values.get("fixed") == values["moving"]:
        same = values.get("fixed_series") == values.get("moving_series")
        both = " and ".join(f"'{called}'" for called in names.values())
        problems += [f"one image is called both {both}"] if same else []
    if problems:
        advice = f"name one more closely with {kind.option}, or correct the table of --list"
        problems.append(advice)
    return BatchPair(name, values, "; ".join(problems))


def _columns(role: str, image: FoundImage) -> dict[str, str]:
    """Return the columns of a table of pairs for an image."""
    found = {role: str(image.path.absolute())}
    if image.series:
        found[f"{role}_series"] = image.series
    if image.modality:
        found[f"{role}_modality"] = image.modality
    return found


def _listed(images: Sequence[FoundImage]) -> str:
    more = f" and {len(images) - _LISTED} more" if len(images) > _LISTED else ""
    return ", ".join(map(str, images[:_LISTED])) + more


def _modalities(groups: Iterable[Sequence[FoundImage]]) -> str:
    counts: defaultdict[str, int] = defaultdict(int)
    for images in groups:
        for image in images:
            counts[image.modality or "of no stated modality"] += 1
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def _nothing_in(folder: Path, *, is_bids: bool) -> str:
    """Return why a folder holds no patients."""
    if is_bids:
        return f"{folder}: this BIDS dataset has no images in folders sub-*"
    loose = find_images(folder)
    if loose:
        return (
            f"{folder}: each patient needs a folder of its own, and images lie in {folder} "
            f"itself ({_listed(loose)}); move them, or write a table of pairs"
        )
    return (
        f"{folder}: no images in the folders below; give a folder with one folder for each "
        "patient, a BIDS dataset, a folder with a dataset.json, or a table of pairs"
    )
