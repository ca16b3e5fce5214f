"""Export of simulated cases into a dataset folder; an interrupted export continues.

Every case has a folder of its own, in which ``case.json`` is written last: a case without it was
interrupted and is made again. ``dataset.json`` names the complete cases.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any, TypeAlias

from PIL.Image import Image

from regkit.datasets.case import Attachment, Case, Dataset, IndexedDataset
from regkit.datasets.folder import ATTACHED, INDEX, write_dataset
from regkit.errors import OutputError, ParameterError
from regkit.geometry.transform import AffineTransform
from regkit.geometry.volume import LabelMap, Volume
from regkit.io import write_landmarks, write_volume
from regkit.io.atomic_output import OutputStage, atomic_output
from regkit.io.staging import discard_abandoned_below
from regkit.io.transforms import write_transform
from regkit.parallel import map_unordered
from regkit.registration.parameters import parameters_of
from regkit.regular_file import regular_file
from regkit.structured_text import parse_json

# Files of an export: its settings, and the index entry and the picture of a case.
RECIPE, ENTRY, PICTURE = "simulation.json", "case.json", "montage.png"
# Parameters of a dataset that change the number of cases or the device, but no case.
IRRELEVANT = ("n", "device")
# The id of a case is the name of its folder.
SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

# Writes an image of a case as `path` with a suffix of its own (or as a folder of files); returns
# the name of what it wrote and the modality that a reader will find.
ImageWriter: TypeAlias = Callable[[Volume, Path, Case], tuple[str, str]]
Painter: TypeAlias = Callable[[Case], Image]


def as_nifti(volume: Volume, path: Path, case: Case) -> tuple[str, str]:  # noqa: ARG001
    """Write an image as compressed NIfTI."""
    file = path.with_name(f"{path.name}.nii.gz")
    write_volume(volume, file)
    return file.name, volume.modality


@dataclass(frozen=True)
class Simulation:
    """The export of a dataset to a folder.

    Parameters
    ----------
    dataset
        Dataset of simulated cases.
    folder
        Dataset folder to write.
    writer
        Writer of the images; label maps are always NIfTI.
    painter
        Function that draws a case as ``montage.png``; None for no pictures.
    format
        Name of the writer, for the recipe.
    """

    dataset: Dataset
    folder: Path
    writer: ImageWriter = as_nifti
    painter: Painter | None = None
    format: str = "nifti"

    def run(self, workers: int = 1, done: Callable[[str], None] = lambda _: None) -> int:
        """Make every case that the folder lacks, then write the index.

        Parameters
        ----------
        workers
            Number of processes.
        done
            Callback with the id of each case as soon as the folder has it.

        Returns
        -------
        int
            Number of cases made by this call.

        Raises
        ------
        OutputError
            The folder holds another dataset, or cannot be written.
        """
        is_new = self._claim()
        discard_abandoned_below(self.folder)
        made, ids = 0, []
        try:
            for case_id, made_now in self._all(workers):
                ids.append(case_id)
                made += made_now
                done(case_id)
        finally:
            # Also when interrupted: the complete cases can be used.
            if not self._write_index(ids) and is_new:
                self._remove_recipe()
        return made

    def make(self, index: int) -> str:
        """Make one case of an indexed dataset; return its id."""
        assert isinstance(self.dataset, IndexedDataset)  # noqa: S101 - checked by `_all`
        return self.write(self.dataset.case(index))

    def write(self, case: Case) -> str:
        """Write one case in place of an interrupted one; return its id."""
        if not SAFE_ID.fullmatch(case.id):
            raise OutputError(
                f"the case id '{case.id}' cannot name a folder; use letters, digits and . _ -"
            )
        home = self.folder / case.id
        shutil.rmtree(home, ignore_errors=True)
        with atomic_output(home) as stage:
            entry = write_case(case, stage, self.writer)
            if self.painter is not None:
                self.painter(case).save(stage.path(PICTURE))
        _write_json(home, ENTRY, entry)
        return case.id

    def is_complete(self, case_id: str) -> bool:
        """Return whether the folder has a case, and its picture if pictures are wanted."""
        home = self.folder / case_id
        wanted = (ENTRY,) if self.painter is None else (ENTRY, PICTURE)
        return all((home / name).exists() for name in wanted)

    @property
    def recipe(self) -> dict[str, Any]:
        """The settings that determine every case, as plain data."""
        known: list[str] = (
            list(parameters_of(type(self.dataset))) if is_dataclass(self.dataset) else []
        )
        parameters = {key: getattr(self.dataset, key) for key in known if key not in IRRELEVANT}
        recipe = {"dataset": self.dataset.name, "parameters": parameters, "format": self.format}
        return dict(json.loads(json.dumps(recipe, default=str)))

    def _all(self, workers: int) -> Iterator[tuple[str, bool]]:
        """Yield each case's id, and whether this call made it, as soon as the folder has it."""
        if isinstance(self.dataset, IndexedDataset):
            ids = list(self.dataset.ids)
            missing = [i for i, case_id in enumerate(ids) if not self.is_complete(case_id)]
            lacking = {ids[i] for i in missing}
            yield from ((case_id, False) for case_id in ids if case_id not in lacking)
            yield from ((case_id, True) for case_id in map_unordered(self.make, missing, workers))
            return
        if workers > 1:
            raise ParameterError(
                f"the cases of {self.dataset.name} can only be made in order; leave out --workers"
            )
        for case in self.dataset:
            is_new = not self.is_complete(case.id)
            yield (self.write(case) if is_new else case.id), is_new

    def _claim(self) -> bool:
        """Write the recipe into the folder, or check that it is the one of an earlier call.

        Returns whether the folder had none.
        """
        file = self.folder / RECIPE
        if not file.exists():
            if (self.folder / INDEX).exists():
                raise OutputError(f"{self.folder} holds another dataset; choose another folder")
            self._check_folders()
            _write_json(self.folder, RECIPE, self.recipe)
            return True
        there = _read_json(file)
        different = _differences(there, self.recipe)
        if different:
            raise OutputError(
                f"{self.folder} holds another simulation ({different}); choose another folder"
            )
        return False

    def _check_folders(self) -> None:
        """Refuse a folder with subfolders that would be mistaken for those of cases."""
        ids = set(self.dataset.ids) if isinstance(self.dataset, IndexedDataset) else None
        there = sorted(self.folder.iterdir()) if self.folder.is_dir() else []
        for path in there:
            if path.is_dir() and (ids is None or path.name in ids):
                raise OutputError(
                    f"{self.folder} has a folder {path.name} that is not from this simulation; "
                    "choose another folder"
                )

    def _remove_recipe(self) -> None:
        """Remove the recipe, and the folder if empty, of an export that made nothing."""
        (self.folder / RECIPE).unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()

    def _write_index(self, ids: list[str]) -> int:
        """Write an index of the complete cases; return their number."""
        order = list(self.dataset.ids) if isinstance(self.dataset, IndexedDataset) else ids
        complete = [case_id for case_id in order if self.is_complete(case_id)]
        entries = [_read_json(self.folder / case_id / ENTRY) for case_id in complete]
        if entries:
            write_dataset(self.folder, self.dataset.name, entries)
        return len(entries)


def write_case(case: Case, stage: OutputStage, writer: ImageWriter = as_nifti) -> dict[str, Any]:
    """Write the files of one case.

    Parameters
    ----------
    case
        Case to write.
    stage
        Output folder of the case; its name must be the case's id.
    writer
        Writer of the images.

    Returns
    -------
    dict
        Entry of the case in ``dataset.json``, with paths relative to the folder above.
    """
    files: dict[str, str] = {}
    entry: dict[str, Any] = {"id": case.id, "group": case.group or case.id}

    def image(key: str, volume: Volume) -> str:
        name, modality = (as_nifti if isinstance(volume, LabelMap) else writer)(
            volume, stage.path(key), case
        )
        files[key] = name
        return modality

    for role in ("fixed", "moving"):
        entry[f"{role}_modality"] = image(role, getattr(case.pair, role))
    _write_known(case, stage, image, files)
    attached = dict(_attached(case.extra, stage, image, files))
    plain = {key: value for key, value in case.extra.items() if key not in attached}
    named = {key: f"{case.id}/{name}" for key, name in files.items()}
    further = {key: f"{case.id}/{name}" for key, name in attached.items()}
    return entry | named | plain | ({ATTACHED: further} if further else {})


def _write_known(
    case: Case, stage: OutputStage, image: Callable[[str, Volume], str], files: dict[str, str]
) -> None:
    """Write masks, labels, landmarks and transforms."""
    pair = case.pair
    for key, volume in (
        ("fixed_mask", pair.fixed_mask),
        ("moving_mask", pair.moving_mask),
        ("fixed_labels", case.fixed_labels),
        ("moving_labels", case.moving_labels),
    ):
        if volume is not None:
            image(key, volume)
    for key, points in (
        ("fixed_landmarks", case.fixed_landmarks),
        ("moving_landmarks", case.moving_landmarks),
    ):
        if points is not None:
            files[key] = f"{key}.csv"
            write_landmarks(points, stage.path(files[key]))
    for key, transform in (("truth", case.truth), ("initial", pair.initial)):
        if transform is not None:
            files[key] = f"{key}{'.tfm' if isinstance(transform, AffineTransform) else '.h5'}"
            write_transform(transform, stage.path(files[key]))


def _attached(
    extra: Mapping[str, Any],
    stage: OutputStage,
    image: Callable[[str, Volume], str],
    files: dict[str, str],
) -> Iterator[tuple[str, str]]:
    """Write the images and attachments in `extra`; yield their keys and file names."""
    for key, value in extra.items():
        if isinstance(value, Volume):
            image(key, value)
            yield key, files.pop(key)
        elif isinstance(value, Attachment):
            value.write(stage.path(f"{key}{value.suffix}"))
            yield key, f"{key}{value.suffix}"


def _differences(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Return the differences of two recipes as text; of one dataset, those of the parameters."""
    names = [recipe.get("dataset") for recipe in (there, wanted)]
    if names[0] != names[1]:
        return f"of {names[0]}, not {names[1]}"
    flat = [{**recipe, **recipe.get("parameters", {})} for recipe in (there, wanted)]
    keys = sorted({key for recipe in flat for key in recipe} - {"parameters"})
    return ", ".join(
        f"{key} {flat[0].get(key)!r}, not {flat[1].get(key)!r}"
        for key in keys
        if flat[0].get(key) != flat[1].get(key)
    )


def _write_json(folder: Path, name: str, content: Mapping[str, Any]) -> None:
    with atomic_output(folder) as stage:
        text = json.dumps(content, indent=1) + "\n"
        stage.path(name).write_text(text, encoding="utf-8")


def _read_json(file: Path) -> dict[str, Any]:
    try:
        return dict(parse_json(regular_file(file).read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise OutputError(
            f"cannot continue from {file}: {error}; choose another folder"
        ) from error
