"""Registration of two image files: read, register, write."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regkit.cli.context import current_registry
from regkit.cli.context import settings as cli_settings
from regkit.cli.progress import status_spinner
from regkit.cli.requests.method_settings import MethodSettings
from regkit.cli.requests.output_prefix import output_prefix
from regkit.cli.requests.rerun import may_replace, run_id

if TYPE_CHECKING:
    from regkit.io.selection import ImageSelection
    from regkit.registration.request import RegistrationRequest
    from regkit.registration.saved import Saved
    from regkit.report.dicom_output import DicomPair

DEFAULT_METHOD = "auto"
DEFAULT_PREFIX = "registration"


@dataclass(frozen=True)
class RegisterRequest:
    """One registration of two image files.

    Parameters
    ----------
    fixed, moving
        Image files or folders of DICOM slices.
    output
        Prefix of the output files, or a folder for them.
    method
        Expression of method names; see `regkit.registration.pipeline.build_method`.
    settings
        Parameters, device, seed and threads of the methods.
    init
        Initializer or transform file; None for ``auto``, or ``identity`` if no method of the
        expression registers.
    init_format
        Format of the transform file of `init`; None to decide by its content.
    fixed_mask, moving_mask
        Label map files; None for no mask.
    fixed_roi, moving_roi
        Regions of the mask files that count; see `regkit.io.read_mask`.
    fixed_modality, moving_modality
        Modalities; empty for those of the files, or a guess.
    check_inverse
        True to register the images in exchanged roles too, and compare.
    report
        True to write the HTML page.
    dtype
        Type of the voxels of the resampled image; empty for that of the moving image's file.
    force
        True to replace files of another run.
    selections
        Choice in each image of several series or volumes, by role: fixed, moving.
    warped
        True to write the moving image resampled onto the fixed grid.
    moved
        True to write the moving image in its own voxels with a changed place.
    dicom
        True to write the images and the transform as DICOM too.
    witnesses
        Methods whose results the verdict compares with.
    judge
        False to leave out the verdict.
    points
        File of landmarks or labels of the fixed image whose expected error is told; None for none.
    calibration
        Card of the verdict, or its folder; None for the one that comes with regkit.
    """

    fixed: Path
    moving: Path
    output: str = DEFAULT_PREFIX
    method: str = DEFAULT_METHOD
    settings: MethodSettings = field(default_factory=MethodSettings)
    init: str | None = None
    init_format: str | None = None
    fixed_mask: Path | None = None
    moving_mask: Path | None = None
    fixed_roi: str = ""
    moving_roi: str = ""
    fixed_modality: str = ""
    moving_modality: str = ""
    check_inverse: bool = False
    report: bool = False
    dtype: str = ""
    force: bool = False
    selections: Mapping[str, ImageSelection] = field(default_factory=dict)
    warped: bool = True
    moved: bool = False
    dicom: bool = False
    witnesses: tuple[str, ...] = ()
    judge: bool = True
    points: Path | None = None
    calibration: Path | None = None

    @property
    def registration(self) -> RegistrationRequest:
        """The registration without its output."""
        from regkit.registration.request import RegistrationRequest

        settings = self.settings
        own = {
            field.name: getattr(self, field.name)
            for field in fields(RegistrationRequest)
            if hasattr(self, field.name)
        }
        return RegistrationRequest(
            **own,
            parameters=settings.parameters,
            seed=settings.seed,
            device=settings.device,
            threads=settings.threads,
        )

    @property
    def outputs(self) -> dict[str, Any]:
        """Options of the output, by name."""
        names = ("report", "dtype", "moved", "dicom")
        return {name: getattr(self, name) for name in names} | {"no_warped": not self.warped}


def register_files(request: RegisterRequest) -> Saved:
    """Read the images, register them and write the result.

    Returns
    -------
    Saved
        The record of the registration, and the files written.
    """
    started = time.perf_counter()
    # Imported here because the time of importing readers and writers counts as theirs.
    from regkit.io.atomic_output import atomic_output
    from regkit.registration.register import register_requested, requested_method

    asked = request.registration
    registrar = requested_method(asked)
    if request.moved:
        _check_rigid(request)
    prefix = output_prefix(request.output, DEFAULT_PREFIX)
    dicom = requested_dicom_pair(request) if request.dicom else None
    inputs = (*asked.files.values(), *(dicom.files if dicom else ()))
    identity = run_id(asked, registrar, {"dtype": request.dtype})
    replace_files = may_replace(prefix, identity, request.force, inputs)
    with atomic_output(prefix.parent, inputs, replace_files) as stage:
        result = register_requested(asked, status_spinner, started)
        with status_spinner("writing"):
            since = time.perf_counter()
            from regkit.report.request_record import inputs_of
            from regkit.report.save import save_registration

            return save_registration(
                *(result, prefix.name, stage),
                inputs_of(result.origin, identity, request.outputs, **cli_settings.told),
                report=request.report,
                dtype=request.dtype,
                warped=request.warped,
                moved=request.moved,
                dicom=dicom,
                since=since,
            )


def requested_dicom_pair(request: RegisterRequest) -> DicomPair:
    """Return the headers of the images; refuse images that are not DICOM."""
    from regkit.io.selection import ONLY_IMAGE
    from regkit.report.dicom_output import read_dicom_pair

    fixed, moving = (request.selections.get(role, ONLY_IMAGE) for role in ("fixed", "moving"))
    return read_dicom_pair(request.fixed, request.moving, fixed, moving)


def _check_rigid(request: RegisterRequest) -> None:
    """Refuse a method whose transform cannot move an image without resampling it."""
    from regkit.errors import ParameterError
    from regkit.registration.expression import method_names

    names = method_names(request.method)
    models = {name: current_registry().method(name).spec.model for name in names}
    for key, value in request.settings.parameters.items():
        if key.rpartition(".")[2] == "model":
            models[key] = str(value)
    for name, model in models.items():
        if model not in ("none", "rigid"):
            raise ParameterError(
                f"--moved needs a rigid method, and the transform of {name} is {model}: voxels "
                "would have to be resampled; leave out --moved"
            )
