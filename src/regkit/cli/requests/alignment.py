"""The alignment check of two image files: read, register, find the heart, write."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regkit.cli.context import settings as cli_settings
from regkit.cli.progress import status_spinner
from regkit.cli.requests.output_prefix import output_prefix
from regkit.cli.requests.registration import (
    RegisterRequest,
    requested_dicom_pair,
)
from regkit.cli.requests.rerun import may_replace, run_id

if TYPE_CHECKING:
    from regkit.alignment.check import AlignmentCheck
    from regkit.geometry.volume import LabelMap, Volume
    from regkit.io.photon_energy import PhotonEnergy
    from regkit.registration.saved import Saved

ALIGNMENT_PREFIX = "alignment"
# That of `regkit.alignment.check`, which is not imported for --help.
ALIGNMENT_METHOD = "consensus"


@dataclass(frozen=True)
class AlignmentRequest:
    """One check of an emission and a transmission image file.

    Parameters
    ----------
    registration
        Registration of the transmission (moving) to the emission image (fixed), with the prefix of
        the output files.
    labels
        Segmentation file of the emission image; None to find the heart.
    myocardium
        Label of the myocardium in it, by number or words of its name; empty for number 1.
    energy_kev, limit_mm
        See `regkit.alignment.check.check_alignment`.
    fix
        True to write the corrected transmission image, too.
    """

    registration: RegisterRequest
    labels: Path | None = None
    myocardium: str = ""
    energy_kev: float | None = None
    limit_mm: float | None = None
    fix: bool = False

    @property
    def own(self) -> dict[str, Any]:
        """Options of the check itself that decide its result, by name."""
        names = ("labels", "myocardium", "energy_kev", "limit_mm")
        return {name: getattr(self, name) for name in names}

    @property
    def energy(self) -> PhotonEnergy | None:
        """Energy of the tracer's photons: as given, or as the emission's DICOM header says."""
        from regkit.io.photon_energy import tracer_energy

        return tracer_energy(self.energy_kev, self.registration.fixed)


def check_alignment_files(request: AlignmentRequest) -> tuple[AlignmentCheck, Saved]:
    """Read the images, check them and write the result.

    Returns
    -------
    tuple
        The check; its record, and the files written.
    """
    started = time.perf_counter()
    from regkit.io.atomic_output import atomic_output
    from regkit.registration.modalities import with_modalities
    from regkit.registration.register import requested_method
    from regkit.registration.request import Origin, requested_pair
    from regkit.report.alignment_record import HEART_PICTURE, save_alignment
    from regkit.report.request_record import inputs_of
    from regkit.report.save import ENDINGS

    registration = request.registration
    asked = registration.registration
    registrar = requested_method(asked)
    dicom = requested_dicom_pair(registration) if request.fix and _are_dicom(request) else None
    inputs = (*asked.files.values(), request.labels, *(dicom.files if dicom else ()))
    prefix = output_prefix(registration.output, ALIGNMENT_PREFIX)
    identity = run_id(asked, registrar, {"alignment": request.own})
    endings = (*ENDINGS, HEART_PICTURE)
    replace_files = may_replace(prefix, identity, registration.force, inputs, endings)
    with atomic_output(prefix.parent, inputs, replace_files) as stage:
        with status_spinner("reading"):
            pair = with_modalities(requested_pair(asked))
            labels = _labels(request, pair.fixed)
        load_s = time.perf_counter() - started
        with status_spinner(f"registering with {asked.method}"):
            from regkit.alignment.check import run_alignment_check

            check = run_alignment_check(
                *(registrar, pair, asked.method),
                labels=labels,
                energy=request.energy,
                limit_mm=request.limit_mm,
                device=asked.device,
            )
        origin = Origin(asked, asked.initializer, "", load_s)
        options = {name: str(value) for name, value in request.own.items() if value}
        sources = inputs_of(origin, identity, options | {"fix": request.fix}, **cli_settings.told)
        with status_spinner("writing"):
            return check, save_alignment(
                *(check, prefix.name, stage, sources), fix=request.fix, dicom=dicom
            )


def _are_dicom(request: AlignmentRequest) -> bool:
    """Return whether both images are DICOM, so that the correction can be, too."""
    from regkit.io.formats import is_dicom

    images = (request.registration.fixed, request.registration.moving)
    return all(path.exists() and is_dicom(path) for path in images)


def _labels(request: AlignmentRequest, emission: Volume) -> LabelMap | None:
    """Read the segmentation of the emission image."""
    from regkit.errors import ParameterError
    from regkit.io import LabeledImage, read_labels

    if request.labels is None:
        if request.myocardium:
            raise ParameterError("--myocardium names a label of --labels; give --labels, too")
        return None
    image = LabeledImage(emission.grid, request.registration.fixed)
    return read_labels(request.labels, request.myocardium or "all", image)
