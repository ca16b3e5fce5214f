"""Run a learned registration again from its record, and show what its network looked at."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from regkit.arguments import checked
from regkit.geometry.resampling import resample
from regkit.geometry.transform import AffineTransform
from regkit.io import write_volume
from regkit.io.atomic_output import atomic_output
from regkit.io.output_prefix import prefix_path
from regkit.registrar import ExplainedMap, Explanation, Pair
from regkit.registration.explanation import explainable_method
from regkit.registration.register import OnStage
from regkit.report.record import to_plain_data
from regkit.report.record_inputs import FoundInput, find_inputs
from regkit.report.replay import SAME_MM, largest_difference_mm
from regkit.report.rerun import check_replaceable
from regkit.report.run_record import (
    is_reorientation,
    read_run_record,
    recorded_pair,
    recorded_parameters,
    require_options,
)
from regkit.version import installed_version

if TYPE_CHECKING:
    from PIL import Image

SUFFIX = "_explain"


@dataclass(frozen=True, eq=False)
class ExplainedRegistration:
    """A registration that was run again, with what its network looked at.

    Parameters
    ----------
    file
        Record of the registration.
    method
        The method that is explained: of a chain ``a+b`` the first one that can be.
    pair
        The images.
    explanation
        Maps of weights, in the space of the fixed image.
    difference_mm
        Largest distance between points under the recorded transform and that of the explanation,
        over the fixed field of view, mm; None if later methods of a chain changed it, or the
        initial transform was kept.
    inputs
        The inputs, which are those of the record.
    run_id
        Digest of the record and of the method.
    is_reorientation
        True if the fixed image is a standard frame, such as the short axis of the ventricle.
    initial_kept
        True if the registration kept its initial transform, because what the network found, and
        is shown here, aligned the images worse.
    """

    file: Path
    method: str
    pair: Pair
    explanation: Explanation
    difference_mm: float | None
    inputs: tuple[FoundInput, ...]
    run_id: str
    is_reorientation: bool = False
    initial_kept: bool = False

    @property
    def same(self) -> bool | None:
        """True if the network gave the recorded transform again; None if that is not known."""
        return None if self.difference_mm is None else self.difference_mm <= SAME_MM

    @property
    def maps_in_words(self) -> str:
        """The names of the maps, each with its image."""
        return ", ".join(f"{one.name} ({one.role})" for one in self.explanation.maps)

    def picture(self) -> Image.Image:
        """Draw both images, and the weights over them, in three planes."""
        from regkit.report.annotation import Heading  # noqa: PLC0415 - drawing is slow to import
        from regkit.report.explanation_picture import explanation_picture  # noqa: PLC0415

        meanings = dict.fromkeys(one.meaning for one in self.explanation.maps)
        where = ", in the standard frame" if self.is_reorientation else ""
        title = f"what the network looked at{where}"
        heading = Heading(self.method, title, sentences=tuple(meanings))
        in_patient_axes = not self.is_reorientation
        return explanation_picture(self.pair, self.explanation, heading, in_patient_axes)

    def as_data(self, prefix: str = "") -> dict[str, Any]:
        """Return what is shown as plain data that JSON can hold.

        Parameters
        ----------
        prefix
            Beginning of the names of the files with the maps; empty if there are none.
        """
        return {
            "regkit": installed_version(),
            "record": str(self.file),
            "method": self.method,
            "same": self.same,
            "largest_difference_mm": self.difference_mm,
            "initial_kept": self.initial_kept,
            "run_id": self.run_id,
            "maps": [_map_data(one, prefix) for one in self.explanation.maps],
            **to_plain_data(self.explanation.facts),
        }

    @checked
    def save(
        self, prefix: str | os.PathLike[str] = "", *, force: bool = False
    ) -> tuple[Path, ...]:
        """Write PREFIX.png, PREFIX.json and a NIfTI file for each map, all or none of them.

        The maps are on the grid of the fixed image, and 0 outside what the network saw.

        Parameters
        ----------
        prefix
            Prefix of the names of the files, or a folder; empty for that of the record with
            ``_explain``.
        force
            Permission to replace files of another run.

        Returns
        -------
        tuple of Path
            The files.

        Raises
        ------
        OutputError
            Files of another run exist, or the folder cannot be written.
        """
        name = f"{self.file.stem}{SUFFIX}"
        path = prefix_path(prefix, name) if str(prefix) else self.file.with_name(name)
        maps = self.explanation.maps
        endings = (".json", ".png", *(_ending(one) for one in maps))
        inputs = [found.path for found in self.inputs]
        replace = check_replaceable(path, self.run_id, force, inputs, endings)
        with atomic_output(path.parent, inputs, replace) as stage:
            from regkit.report.picture import write_picture  # noqa: PLC0415 - slow to import

            write_picture(self.picture(), stage.path(f"{path.name}.png"))
            text = json.dumps(self.as_data(path.name), indent=2) + "\n"
            stage.path(f"{path.name}.json").write_text(text, encoding="utf-8")
            for one in maps:
                on_grid = resample(one.volume, self.pair.fixed.grid)
                write_volume(on_grid, stage.path(f"{path.name}{_ending(one)}"))
        return tuple(path.with_name(f"{path.name}{ending}") for ending in endings)

    def __repr__(self) -> str:
        return f"<ExplainedRegistration by {self.method}: {self.maps_in_words}>"


@checked
def explain(
    file: str | os.PathLike[str],
    *,
    inputs: str | os.PathLike[str] | None = None,
    on_stage: OnStage = nullcontext,
) -> ExplainedRegistration:
    """Run the learned method of a record again, and return what its network looked at.

    Parameters
    ----------
    file
        PREFIX.json of a registration or reorientation.
    inputs
        Folder in which the inputs lie now; see `regkit.replay`.
    on_stage
        Function that is called with the name of each stage, and returns a context for it.

    Raises
    ------
    FileFormatError
        The file is no such record, or an input is missing, has changed, or came from memory.
    RegistrationError
        The method explains nothing.
    """
    path = Path(file)
    record = read_run_record(path)
    reoriented = is_reorientation(record)
    if not reoriented:
        require_options(record, path)
    method = explainable_method(record["method"], recorded_parameters(record))
    given = record["inputs"]
    read = {"inputs": {"moving": given["moving"]} if reoriented else given}
    with on_stage("comparing the inputs"):
        found = find_inputs(read, path, None if inputs is None else Path(inputs))
    with on_stage("reading"):
        pair = recorded_pair(record, {entry.role: entry.path for entry in found})
    with on_stage(f"running {method.name}"):
        explanation = method.explain(pair)
    difference, kept = None, bool(record["diagnostics"].get("initial_kept"))
    if method.is_last and not kept and record["transform"]["model"] != "deformable":
        old = AffineTransform(np.array(record["transform"]["matrix"]))
        difference = largest_difference_mm(old, explanation.transform, pair.fixed.grid)
    identity = hashlib.sha256(f"{record.get('run_id')} {method.name}".encode()).hexdigest()
    return ExplainedRegistration(
        path, method.name, pair, explanation, difference, found, identity, reoriented, kept
    )


def _map_data(one: ExplainedMap, prefix: str) -> dict[str, Any]:
    values = one.volume.array
    return {
        "name": one.name,
        "role": one.role,
        "meaning": one.meaning,
        "shape_zyx": list(one.volume.grid.shape_zyx),
        "spacing_mm": list(one.volume.grid.spacing),
        "lowest": float(values.min()),
        "mean": float(values.mean()),
        "highest": float(values.max()),
    } | ({"file": f"{prefix}{_ending(one)}"} if prefix else {})


def _ending(one: ExplainedMap) -> str:
    return f"_{one.name}_{one.role}.nii.gz"
