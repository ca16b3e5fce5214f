"""Registration of two image files: read, register, write."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from regkit.cli.context import current_registry
from regkit.cli.context import settings as cli_settings
from regkit.cli.progress import status_spinner
from regkit.cli.requests.method_settings import MethodSettings
from regkit.cli.requests.output_prefix import output_prefix
from regkit.cli.requests.rerun import may_replace, run_id

if TYPE_CHECKING:
    from regkit.geometry.volume import LabelMap, Volume
    from regkit.io.selection import ImageSelection
    from regkit.registrar import Pair, Registrar
    from regkit.registration.point_error import NamedPoints
    from regkit.registration.run import RegistrationResult
    from regkit.report.dicom_output import DicomPair
    from regkit.report.record import Inputs
    from regkit.report.save import Saved

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
    from regkit.registration.modalities import with_modalities
    from regkit.registration.pipeline import build_method

    settings = request.settings
    check_regions(request)
    registrar = build_method(
        request.method, settings.parameters, current_registry(), settings.defaults
    )
    if request.moved:
        _check_rigid(request)
    prefix, init = output_prefix(request.output, DEFAULT_PREFIX), requested_initializer(request)
    dicom = _dicom_pair(request) if request.dicom else None
    files = (
        *(request.fixed, request.moving, request.fixed_mask, request.moving_mask),
        request.points,
    )
    inputs = (*files, *(dicom.files if dicom else ()))
    identity = run_id(request, registrar)
    replace_files = may_replace(prefix, identity, request.force, inputs)
    with atomic_output(prefix.parent, inputs, replace_files) as stage:
        with status_spinner("reading"):
            pair = with_modalities(requested_pair(request))
        load_s = time.perf_counter() - started
        with status_spinner(f"registering with {request.method}"):
            pair, assumption = requested_start(pair, init, request)
            start_s = time.perf_counter() - started - load_s
            result = judged_registration(request, registrar, pair)
        with status_spinner("writing"):
            since = time.perf_counter()
            from regkit.report.save import save_registration

            sources = replace(
                request_inputs(request),
                load_s=load_s,
                init_s=start_s,
                init=init,
                init_assumption=assumption,
                run_id=identity,
            )
            return save_registration(
                *(result, prefix.name, stage, sources),
                report=request.report,
                dtype=request.dtype,
                warped=request.warped,
                moved=request.moved,
                dicom=dicom,
                since=since,
            )


def request_inputs(request: RegisterRequest) -> Inputs:
    """Return the files of a request, as records name them."""
    from regkit.report.record import Inputs

    return Inputs(
        request.fixed,
        request.moving,
        fixed_mask=request.fixed_mask,
        moving_mask=request.moving_mask,
        selections=request.selections,
        fixed_roi=request.fixed_roi,
        moving_roi=request.moving_roi,
        points=request.points,
        config=cli_settings.config_record,
    )


def judged_registration(
    request: RegisterRequest, registrar: Registrar, pair: Pair
) -> RegistrationResult:
    """Run the method, and judge its result as the request asks for."""
    from regkit.registration.run import run

    return run(
        *(registrar, pair, request.method, request.check_inverse),
        witnesses=request.witnesses,
        judge=request.judge,
        points=_requested_points(request, pair),
        calibration=request.calibration,
    )


def _requested_points(request: RegisterRequest, pair: Pair) -> NamedPoints | None:
    """Read the points of a request, which lie in the fixed image."""
    if request.points is None:
        return None
    from regkit.io import LabeledImage
    from regkit.io.named_points import read_named_points

    return read_named_points(request.points, LabeledImage(pair.fixed.grid, request.fixed))


def _dicom_pair(request: RegisterRequest) -> DicomPair:
    """Return the headers of the images; refuse images that are not DICOM."""
    from regkit.io.selection import ONLY_IMAGE
    from regkit.report.dicom_output import read_dicom_pair

    fixed, moving = (request.selections.get(role, ONLY_IMAGE) for role in ("fixed", "moving"))
    return read_dicom_pair(request.fixed, request.moving, fixed, moving)


def _check_rigid(request: RegisterRequest) -> None:
    """Refuse a method whose transform cannot move an image without resampling it."""
    from regkit.errors import ParameterError
    from regkit.registration.pipeline import method_names

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


def requested_pair(request: RegisterRequest) -> Pair:
    """Read the images and masks of a request."""
    from regkit.io.images import read_selected_volume
    from regkit.io.selection import ONLY_IMAGE
    from regkit.registrar import Pair

    chosen = request.selections
    fixed = read_selected_volume(
        request.fixed, chosen.get("fixed", ONLY_IMAGE), request.fixed_modality
    )
    moving = read_selected_volume(
        request.moving, chosen.get("moving", ONLY_IMAGE), request.moving_modality
    )
    return Pair(
        fixed,
        moving,
        _read_mask(request.fixed_mask, request.fixed_roi, fixed, request.fixed),
        _read_mask(request.moving_mask, request.moving_roi, moving, request.moving),
    )


def check_regions(request: RegisterRequest) -> None:
    """Refuse regions of a mask that is not given."""
    from regkit.errors import ParameterError

    for role in ("fixed", "moving"):
        if getattr(request, f"{role}_roi") and getattr(request, f"{role}_mask") is None:
            raise ParameterError(f"--{role}-roi chooses in a mask; give --{role}-mask, too")


def _read_mask(path: Path | None, region: str, image: Volume, image_path: Path) -> LabelMap | None:
    from regkit.io import LabeledImage, read_mask

    return None if path is None else read_mask(path, region, LabeledImage(image.grid, image_path))


def requested_initializer(request: RegisterRequest) -> str:
    """Return the initializer; methods that do not register start from the identity by default."""
    if request.init is not None:
        return request.init
    from regkit.registration.initialization import default_initializer

    return default_initializer(request.method, current_registry())


def requested_start(pair: Pair, init: str, request: RegisterRequest) -> tuple[Pair, str]:
    """Return the pair with its initial transform, and what was assumed to find it."""
    from regkit.errors import ParameterError
    from regkit.io.image_header import ImageFile
    from regkit.io.selection import ONLY_IMAGE
    from regkit.io.transforms import load_transform
    from regkit.registration.initialization import (
        choose_start,
        initial_transform,
        initializer_names,
        is_initializer,
    )
    from regkit.registry import suggest

    registry, file = current_registry(), Path(init)
    if is_initializer(init, registry):
        if request.init_format:
            raise ParameterError(f"--from needs a transform file as --init, got '{init}'")
        if init == "auto":
            chosen = choose_start(pair, registry, request.method)
            return chosen.of(pair), chosen.reason
        return replace(pair, initial=initial_transform(init, pair, registry)), ""
    if not file.is_file():
        methods = {method.spec.name for method in registry.methods}
        hint = suggest(init, methods | {*initializer_names(registry)})
        raise ParameterError(
            f"--init '{init}': no such file, and no initializer or method of this name; {hint}"
        )
    fixed = ImageFile(request.fixed, request.selections.get("fixed", ONLY_IMAGE))
    moving = ImageFile(request.moving, request.selections.get("moving", ONLY_IMAGE))
    found = load_transform(file, format=request.init_format, fixed=fixed, moving=moving)
    return replace(pair, initial=found.transform), found.assumption
