"""Write the cases of a dataset into a dataset folder; what is there already is not made again.

Every case has a folder of its own, in which ``case.json`` appears last: a case without it was
interrupted and is made anew. ``dataset.json`` names the cases that are whole.
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
from regkit.io.transforms import write_transform
from regkit.parallel import map_unordered
from regkit.registration.parameters import parameters_of

RECIPE, ENTRY, PICTURE = "simulation.json", "case.json", "montage.png"
# A recipe says what the cases are, not how many or where they were computed.
IRRELEVANT = ("n", "device")
# A case's id is the name of its folder.
SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

# Writes an image of a case as `path` and a suffix of its choice (or a folder of files); returns
# the name it chose and the modality that a reader will find.
ImageWriter: TypeAlias = Callable[[Volume, Path, Case], tuple[str, str]]
Painter: TypeAlias = Callable[[Case], Image]


def as_nifti(volume: Volume, path: Path, case: Case) -> tuple[str, str]:  # noqa: ARG001
    """Write an image as compressed NIfTI."""
    file = path.with_name(f"{path.name}.nii.gz")
    write_volume(volume, file)
    return file.name, volume.modality


@dataclass(frozen=True)
class Simulation:
    """A dataset and where its cases are written.

    Parameters
    ----------
    dataset
        What is simulated.
    folder
        The dataset folder.
    writer
        How images are written; label maps are always NIfTI.
    painter
        Draws a case as ``montage.png``; None for no pictures.
    format
        What the writer is called.
    """

    dataset: Dataset
    folder: Path
    writer: ImageWriter = as_nifti
    painter: Painter | None = None
    format: str = "nifti"

    def run(self, workers: int = 1, done: Callable[[str], None] = lambda _: None) -> int:
        """Make every case that is not there yet, then write the index.

        Parameters
        ----------
        workers
            Number of processes.
        done
            Called with the id of each case as soon as it is there.

        Returns
        -------
        int
            How many cases were made.

        Raises
        ------
        OutputError
            The folder holds something else, or cannot be written.
        """
        is_new = self._claim()
        made, ids = 0, []
        try:
            for case_id, made_now in self._all(workers):
                ids.append(case_id)
                made += made_now
                done(case_id)
        finally:
            # Also when interrupted: what is whole can be used.
            if not self._write_index(ids) and is_new:
                self._give_up()
        return made

    def make(self, index: int) -> str:
        """Make one case of an indexed dataset; return its id."""
        assert isinstance(self.dataset, IndexedDataset)  # noqa: S101 - who calls has asked
        return self.write(self.dataset.case(index))

    def write(self, case: Case) -> str:
        """Write one case, replacing what an interruption left of it; return its id."""
        if not SAFE_ID.fullmatch(case.id):
            raise OutputError(f"'{case.id}' cannot name a folder; case ids need plain letters")
        home = self.folder / case.id
        shutil.rmtree(home, ignore_errors=True)
        with atomic_output(home) as stage:
            entry = write_case(case, stage, self.writer)
            if self.painter is not None:
                self.painter(case).save(stage.path(PICTURE))
        _write_json(home, ENTRY, entry)
        return case.id

    def is_whole(self, case_id: str) -> bool:
        """Tell whether a case is there, with its picture if pictures are wanted."""
        home = self.folder / case_id
        wanted = (ENTRY,) if self.painter is None else (ENTRY, PICTURE)
        return all((home / name).exists() for name in wanted)

    @property
    def recipe(self) -> dict[str, Any]:
        """What decides how a case looks."""
        known: list[str] = (
            list(parameters_of(type(self.dataset))) if is_dataclass(self.dataset) else []
        )
        parameters = {key: getattr(self.dataset, key) for key in known if key not in IRRELEVANT}
        recipe = {"dataset": self.dataset.name, "parameters": parameters, "format": self.format}
        return dict(json.loads(json.dumps(recipe, default=str)))

    def _all(self, workers: int) -> Iterator[tuple[str, bool]]:
        """Yield each case's id and whether it was made now, as soon as it is there."""
        if isinstance(self.dataset, IndexedDataset):
            ids = list(self.dataset.ids)
            missing = [i for i, case_id in enumerate(ids) if not self.is_whole(case_id)]
            lacking = {ids[i] for i in missing}
            yield from ((case_id, False) for case_id in ids if case_id not in lacking)
            yield from ((case_id, True) for case_id in map_unordered(self.make, missing, workers))
            return
        if workers > 1:
            raise ParameterError(
                f"the cases of {self.dataset.name} come one after the other; leave out --workers"
            )
        for case in self.dataset:
            is_new = not self.is_whole(case.id)
            yield (self.write(case) if is_new else case.id), is_new

    def _claim(self) -> bool:
        """Say in the folder what is simulated there, or see that it is the same as before.

        Returns whether the folder said nothing yet.
        """
        file = self.folder / RECIPE
        if not file.exists():
            if (self.folder / INDEX).exists():
                raise OutputError(f"{self.folder} holds another dataset; choose another folder")
            self._keep_off_others()
            _write_json(self.folder, RECIPE, self.recipe)
            return True
        there = _read_json(file)
        different = _differences(there, self.recipe)
        if different:
            raise OutputError(
                f"{self.folder} holds another simulation ({different}); choose another folder"
            )
        return False

    def _keep_off_others(self) -> None:
        """Refuse a folder in which somebody else's would be taken for that of a case."""
        ids = set(self.dataset.ids) if isinstance(self.dataset, IndexedDataset) else None
        there = sorted(self.folder.iterdir()) if self.folder.is_dir() else []
        for path in there:
            if path.is_dir() and (ids is None or path.name in ids):
                raise OutputError(
                    f"{self.folder} already has a folder {path.name} that no simulation wrote; "
                    "choose another folder"
                )

    def _give_up(self) -> None:
        """Leave no trace of a simulation that made nothing."""
        (self.folder / RECIPE).unlink(missing_ok=True)
        with suppress(OSError):
            self.folder.rmdir()

    def _write_index(self, ids: list[str]) -> int:
        """Name the cases that are whole; return how many there are."""
        order = list(self.dataset.ids) if isinstance(self.dataset, IndexedDataset) else ids
        whole = [case_id for case_id in order if self.is_whole(case_id)]
        entries = [_read_json(self.folder / case_id / ENTRY) for case_id in whole]
        if entries:
            write_dataset(self.folder, self.dataset.name, entries)
        return len(entries)


def write_case(case: Case, stage: OutputStage, writer: ImageWriter = as_nifti) -> dict[str, Any]:
    """Write the files of one case.

    Parameters
    ----------
    case
        What to write.
    stage
        The folder of the case; it must bear the case's id.
    writer
        How images are written.

    Returns
    -------
    dict
        The entry of the case in ``dataset.json``, paths relative to the folder above.
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
    _write_answers(case, stage, image, files)
    attached = dict(_attached(case.extra, stage, image, files))
    plain = {key: value for key, value in case.extra.items() if key not in attached}
    named = {key: f"{case.id}/{name}" for key, name in files.items()}
    further = {key: f"{case.id}/{name}" for key, name in attached.items()}
    return entry | named | plain | ({ATTACHED: further} if further else {})


def _write_answers(
    case: Case, stage: OutputStage, image: Callable[[str, Volume], str], files: dict[str, str]
) -> None:
    """Write what is known besides the images: masks, labels, landmarks, transforms."""
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
    """Write what of `extra` is not plain; yield its keys and the names of the files."""
    for key, value in extra.items():
        if isinstance(value, Volume):
            image(key, value)
            yield key, files.pop(key)
        elif isinstance(value, Attachment):
            value.write(stage.path(f"{key}{value.suffix}"))
            yield key, f"{key}{value.suffix}"


def _differences(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Name what differs between two recipes; parameters only if they are of one dataset."""
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
        return dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot go on from {file}: {error}; choose another folder") from error
