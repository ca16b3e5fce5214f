"""The three views of a reoriented ventricle as DICOM series in the patient's coordinates.

A workstation shows such a series by its orientation and position, so each view's grid is laid into
the patient and the image is resampled there.
"""

from __future__ import annotations

from pydicom.sequence import Sequence

from regkit.errors import TransformError
from regkit.geometry.grid import Grid
from regkit.geometry.resampling import resample
from regkit.geometry.transform import AffineTransform
from regkit.io.atomic_output import OutputStage
from regkit.io.dicom_derived import REFORMATTING, Derivation, write_derived
from regkit.io.dicom_required import code_item
from regkit.io.dicom_source import DicomSource
from regkit.report.dicom_output import series_folder
from regkit.version import installed_version
from regkit_ventricle.reorientation import Reorientation
from regkit_ventricle.views import VIEWS, SliceView

# View codes (PS3.16, CID 26) and Slice Progression Direction (PS3.3 C.8.4.15) of each view.
VIEW_CODES = {
    "sa": ("103340004", "Short Axis"),
    "hla": ("131186000", "Horizontal Long Axis"),
    "vla": ("131185001", "Vertical Long Axis"),
}
PROGRESSION = {"sa": "APEX_TO_BASE", "hla": "INF_TO_ANT", "vla": "SEPTUM_TO_WALL"}


def write_dicom_slices(
    reoriented: Reorientation,
    prefix: str,
    stage: OutputStage,
    source: DicomSource,
    *,
    side_mm: float,
    spacing_mm: float,
) -> None:
    """Write PREFIX_sa_dicom/, PREFIX_hla_dicom/ and PREFIX_vla_dicom/.

    Parameters
    ----------
    reoriented
        Ventricle and its short-axis frame.
    prefix
        Beginning of the names of the folders.
    stage
        Output folder; see `regkit.io.atomic_output`.
    source
        Headers of the image.
    side_mm, spacing_mm
        Side of the cubes of slices, and size of their voxels.

    Raises
    ------
    TransformError
        The transform to the short axis is not rigid: its planes are not perpendicular.
    """
    transform = reoriented.transform
    if not (isinstance(transform, AffineTransform) and transform.is_rigid):
        raise TransformError(
            "DICOM slices need a rigid transform to the short axis; leave out --dicom"
        )
    for view in VIEWS:
        grid = in_patient(view.grid(side_mm, spacing_mm), transform)
        folder = series_folder(f"{prefix}_{view.key}_dicom", stage)
        slices = resample(reoriented.image, grid)
        write_derived(slices, folder, source, source, _derivation(view, source))


def in_patient(grid: Grid, to_patient: AffineTransform) -> Grid:
    """Return a grid of the short-axis frame in the coordinates of the image, LPS mm."""
    return Grid.from_affine(grid.shape_zyx, to_patient.matrix @ grid.affine)


def _derivation(view: SliceView, source: DicomSource) -> Derivation:
    return Derivation(
        view.title.partition(",")[0],
        f"Reoriented ({view.title}; linear interpolation) from series "
        f"{source.first.SeriesInstanceUID} by regkit {installed_version()}",
        REFORMATTING,
        {
            "ViewCodeSequence": Sequence([code_item(*VIEW_CODES[view.key])]),
            "SliceProgressionDirection": PROGRESSION[view.key],
        },
    )
