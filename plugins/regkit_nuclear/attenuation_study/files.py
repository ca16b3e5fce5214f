"""A study of files: read, reconstruct, write."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from regkit.geometry.transform import Transform
from regkit.geometry.volume import LabelMap
from regkit.io import read_labels, write_volume
from regkit.io.atomic_output import OutputStage, atomic_output
from regkit.io.image_header import read_image_header
from regkit.io.images import read_selected_volume
from regkit.io.photon_energy import given_energy
from regkit.io.selection import ONLY_IMAGE, ImageSelection
from regkit.io.transforms import read_transform
from regkit.registration.saved import Saved
from regkit.report.record import sha256_of
from regkit.report.rerun import check_replaceable, run_digest
from regkit_nuclear.attenuation_study.mu_map import mu_map_of
from regkit_nuclear.attenuation_study.record import study_record, write_segment_table
from regkit_nuclear.attenuation_study.residual import ResidualMisalignment
from regkit_nuclear.attenuation_study.study import (
    ALIGNED,
    HEADER,
    NAC,
    AttenuationStudy,
    study_attenuation,
)
from regkit_nuclear.spect.osem import OsemSettings
from regkit_nuclear.spect.projection_file import read_projection_file
from regkit_nuclear.spect.projections import Projections

ENDING_OF_IMAGE = {NAC: "_nac", HEADER: "_ac_header", ALIGNED: "_ac_aligned"}
ENDINGS = (
    *(f"{ending}.nii.gz" for ending in ENDING_OF_IMAGE.values()),
    "_labels.nii.gz",
    "_segments.csv",
    ".png",
    ".html",
    ".json",
)
# Only some studies have it.
OPTIONAL = "_ac_aligned.nii.gz"
TITLE = "The attenuation map and the SPECT"


@dataclass(frozen=True)
class AttenuationRequest:
    """One study of files.

    Parameters
    ----------
    projections, mu
        Files of the projections and of the mu-map or CT.
    transform
        File of the map of SPECT to mu-map points; None for none.
    labels
        File of the left ventricle's labels in the space of the SPECT; None to segment it.
    onto
        Reconstructed image of the acquisition, whose centre is that of the projections.
    selection
        Choice in an image of several series.
    method
        Method that segments the ventricle; empty for the default.
    peak
        Number of the energy window of the photopeak; 0 for that of the tracer.
    rotation
        Number of the rotation; 0 for all.
    energy_kev
        Energy of the tracer's photons, keV; None for that of the projections.
    radius_mm
        Radius of the orbit for a file that lacks it.
    residual
        Misalignment that may remain; None for none.
    settings
        Settings of the reconstruction.
    """

    projections: Path
    mu: Path
    transform: Path | None = None
    labels: Path | None = None
    onto: Path | None = None
    selection: ImageSelection = ONLY_IMAGE
    method: str = ""
    peak: int = 0
    rotation: int = 0
    energy_kev: float | None = None
    radius_mm: float | None = None
    residual: ResidualMisalignment | None = None
    settings: OsemSettings = OsemSettings()  # noqa: RUF009 - frozen

    @property
    def files(self) -> dict[str, Path]:
        """The given files by role."""
        roles = ("projections", "mu", "transform", "labels", "onto")
        return {role: getattr(self, role) for role in roles if getattr(self, role) is not None}


def study_files(
    request: AttenuationRequest,
    prefix: Path,
    force: bool = False,
    on_stage: Callable[[str], None] = lambda _: None,
    command: str = "",
) -> tuple[AttenuationStudy, Saved]:
    """Study the effect of the mu-map's place on files, and write the results.

    Parameters
    ----------
    request
        Files and options.
    prefix
        Folder and beginning of the names of the output files.
    force
        Whether to replace files of another run.
    on_stage
        Function that is told what is being done.
    command
        Command line, for the record.

    Returns
    -------
    tuple
        The study; its record, and the files written.
    """
    identity = run_digest(request, asdict(request.settings))
    inputs = list(request.files.values())
    replaced = check_replaceable(prefix, identity, force, inputs, ENDINGS)
    with atomic_output(prefix.parent, inputs, replaced) as stage:
        on_stage("reading")
        projections = _projections(request)
        found = mu_map_of(read_selected_volume(request.mu, request.selection), projections.energy)
        projections = replace(projections, remarks=(*projections.remarks, *found.notes))
        study = study_attenuation(
            projections,
            found.mu,
            _transform(request),
            labels=_labels(request),
            method=request.method,
            residual=request.residual,
            settings=request.settings,
            on_stage=on_stage,
        )
        on_stage("drawing and writing")
        names = {i.name: f"{prefix.name}{ENDING_OF_IMAGE[i.name]}.nii.gz" for i in study.images}
        record = study_record(study, _inputs(request), names, identity, command)
        return study, _write(study, record, names, prefix.name, stage)


def _projections(request: AttenuationRequest) -> Projections:
    reconstructed = None if request.onto is None else read_image_header(request.onto).grid
    projections = read_projection_file(
        request.projections,
        window=request.peak,
        rotation=request.rotation,
        radius_mm=request.radius_mm,
        reconstructed=reconstructed,
    )
    if request.energy_kev is None:
        return projections
    return replace(projections, energy=given_energy(request.energy_kev))


def _transform(request: AttenuationRequest) -> Transform | None:
    return None if request.transform is None else read_transform(request.transform)


def _labels(request: AttenuationRequest) -> LabelMap | None:
    return None if request.labels is None else read_labels(request.labels)


def _write(
    study: AttenuationStudy,
    record: dict[str, Any],
    names: dict[str, str],
    prefix: str,
    stage: OutputStage,
) -> Saved:
    # Drawing is slow to import, and few need it.
    from regkit.report.picture import write_picture  # noqa: PLC0415
    from regkit_nuclear.attenuation_study.page import study_page  # noqa: PLC0415
    from regkit_nuclear.attenuation_study.picture import study_picture  # noqa: PLC0415

    for image in study.images:
        write_volume(image.image, stage.path(names[image.name]))
    write_volume(study.heart.labels, stage.path(f"{prefix}_labels.nii.gz"))
    write_segment_table(study, stage.path(f"{prefix}_segments.csv"))
    text = json.dumps(record, indent=2) + "\n"
    stage.path(f"{prefix}.json").write_text(text, encoding="utf-8")
    write_picture(study_picture(study, TITLE), stage.path(f"{prefix}.png"))
    page = study_page(study, record, TITLE)
    stage.path(f"{prefix}.html").write_text(page, encoding="utf-8")
    if ALIGNED not in names:
        stage.discard_stale(f"{prefix}{OPTIONAL}")
    files = sorted(path.name for path in stage.hidden.iterdir())
    return Saved(record, tuple(stage.target / name for name in files))


def _inputs(request: AttenuationRequest) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {
        role: {"path": str(path), "sha256": sha256_of(path)}
        for role, path in request.files.items()
    }
    found["mu"] |= request.selection.as_data()
    return found
