"""Pairs of a folder of patients, one folder each, or of a BIDS dataset."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from regkit.batches.batch_pair import BatchPair
from regkit.batches.found_image import FoundImage, find_images
from regkit.errors import FileFormatError, ParameterError

logger = logging.getLogger(__name__)

# File that every BIDS dataset has (BIDS 1.10, "Modality agnostic files").
BIDS_FILE = "dataset_description.json"
# Images and patients that a message names; chosen by hand.
_LISTED = 6


def parse_roles(text: str) -> tuple[str, str]:
    """Return what the fixed and the moving image are called, from ``FIXED,MOVING``.

    Raises
    ------
    ParameterError
        Not two names.
    """
    names = [name.strip() for name in text.split(",")]
    if len(names) != 2 or not all(names) or names[0] == names[1]:
        raise ParameterError(
            f"--pair names the fixed and the moving image, as in pet,ct; got '{text}'"
        )
    return names[0], names[1]


def find_pairs(folder: Path, roles: tuple[str, str] | None) -> list[BatchPair]:
    """Return a pair for each patient of a folder, or for each session of a BIDS dataset.

    Nothing is guessed: a patient that has none or several images of a role becomes a pair whose
    `problem` lists what is there.

    Parameters
    ----------
    folder
        Folder with a folder for each patient, or a BIDS dataset.
    roles
        Names of the fixed and the moving image: a modality, and words of the file's name or the
        series' description if there are several (``ct lung``, ``T1w``).

    Raises
    ------
    FileFormatError
        No patients, or no patient with such a pair.
    ParameterError
        No roles.
    """
    is_bids = (folder / BIDS_FILE).is_file()
    groups = _bids_groups(folder) if is_bids else _patients(folder)
    if not groups:
        raise FileFormatError(_nothing_in(folder, is_bids=is_bids))
    if roles is None:
        raise ParameterError(
            f"{folder}: say which images are the fixed and the moving one, as in --pair pet,ct; "
            f"there are {_modalities(groups.values())}"
        )
    pairs = [_pair(name, images, roles) for name, images in groups.items()]
    if all(pair.problem for pair in pairs):
        raise FileFormatError(
            f"{folder}: none of {len(pairs)} patients has one image called '{roles[0]}' and one "
            f"called '{roles[1]}'; {pairs[0].id}: {pairs[0].problem}"
        )
    return pairs


def _patients(folder: Path) -> dict[str, list[FoundImage]]:
    """Return the images of each patient by the name of the folder."""
    folders = sorted(
        path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")
    )
    found = {path.name: find_images(path) for path in folders}
    empty = [name for name, images in found.items() if not images]
    if empty and len(empty) < len(found):
        logger.warning("there are no images in the folders %s", ", ".join(empty[:_LISTED]))
    return {name: images for name, images in found.items() if images}


def _bids_groups(folder: Path) -> dict[str, list[FoundImage]]:
    """Return the images of each session, or of each subject that has none, in a BIDS dataset."""
    groups: defaultdict[str, list[FoundImage]] = defaultdict(list)
    for subject in sorted(path for path in folder.glob("sub-*") if path.is_dir()):
        for image in find_images(subject):
            entities = re.match(r"(sub-[^_/]+)(?:_(ses-[^_/]+))?", image.path.name)
            parts = [part for part in entities.groups() if part] if entities else [subject.name]
            groups["_".join(parts)].append(image)
    return dict(sorted(groups.items()))


def _pair(name: str, images: Sequence[FoundImage], roles: tuple[str, str]) -> BatchPair:
    """Return the pair of a patient, with a problem unless each role has exactly one image."""
    values: dict[str, str] = {}
    problems = []
    for role, wanted in zip(("fixed", "moving"), roles, strict=True):
        found = [image for image in images if image.is_called(wanted)]
        if len(found) == 1:
            values |= _columns(role, found[0])
        elif found:
            problems.append(f"{len(found)} images are called '{wanted}': {_listed(found)}")
        else:
            problems.append(f"no image is called '{wanted}'; there are {_listed(images)}")
    if not problems and values["fixed"] == values["moving"]:
        same = values.get("fixed_series") == values.get("moving_series")
        problems += [f"one image is called both '{roles[0]}' and '{roles[1]}'"] if same else []
    advice = (
        "; name one more closely with --pair, or correct the table of --list" if problems else ""
    )
    return BatchPair(name, values, "; ".join(problems) + advice)


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
