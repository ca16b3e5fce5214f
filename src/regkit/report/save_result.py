"""Write the files of a result as ``regkit register`` does."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from regkit.errors import OutputError
from regkit.io.atomic_output import atomic_output
from regkit.io.output_prefix import prefix_path
from regkit.registration.run import RegistrationResult
from regkit.registration.saved import Saved
from regkit.report.request_record import inputs_of
from regkit.report.rerun import check_replaceable, run_digest
from regkit.report.save import save_registration

if TYPE_CHECKING:
    from regkit.report.dicom_output import DicomPair

DEFAULT_PREFIX = "registration"


def save_result(
    result: RegistrationResult,
    prefix: str | os.PathLike[str],
    *,
    report: bool = False,
    dtype: str = "",
    warped: bool = True,
    moved: bool = False,
    dicom: bool = False,
    force: bool = False,
) -> Saved:
    """Write the files of a registration; see `RegistrationResult.save`."""
    path = prefix_path(prefix, DEFAULT_PREFIX)
    headers = _dicom_pair(result) if dicom else None
    files = () if result.origin is None else tuple(result.origin.request.files.values())
    inputs = (*files, *(headers.files if headers else ()))
    digest = result_digest(result, dtype)
    outputs = {"report": report, "dtype": dtype, "moved": moved, "dicom": dicom}
    sources = inputs_of(result.origin, digest, outputs | {"no_warped": not warped})
    replace = check_replaceable(path, digest, force, inputs)
    with atomic_output(path.parent, inputs, replace) as stage:
        return save_registration(
            *(result, path.name, stage, sources),
            report=report,
            dtype=dtype,
            warped=warped,
            moved=moved,
            dicom=headers,
        )


def result_digest(result: RegistrationResult, dtype: str = "") -> str:
    """Return the digest of all that decides the files of a result.

    Parameters
    ----------
    result
        The registration.
    dtype
        Type of the resampled image's voxels.
    """
    asked = result.pair if result.origin is None else result.origin.request
    return run_digest(asked, result.parameters, {"dtype": dtype})


def _dicom_pair(result: RegistrationResult) -> DicomPair:
    """Return the headers of the images, which must have been given as paths."""
    from regkit.report.dicom_output import read_dicom_pair  # noqa: PLC0415 - loads pydicom

    request = None if result.origin is None else result.origin.request
    files = {} if request is None else request.files
    if request is None or not {"fixed", "moving"} <= files.keys():
        raise OutputError(
            "DICOM output needs the headers of both images; register the paths of the DICOM "
            "files, as in regkit.register('pet/', 'ct/')"
        )
    selections = request.selection("fixed"), request.selection("moving")
    return read_dicom_pair(files["fixed"], files["moving"], *selections)
