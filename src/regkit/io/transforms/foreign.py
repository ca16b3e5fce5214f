"""Names for the transform files of other programs that regkit does not read."""

from __future__ import annotations

from pathlib import Path

from regkit.io.formats import signature
from regkit.io.transforms.nifti_intent import nifti_intent

# Intent codes that FSL gives to its warps (fslio and the NIfTI-1 header, "FSL codes").
_FSL_INTENTS = range(2001, 2020)
_IMAGES = ("NRRD", "MetaImage")


def foreign_description(path: Path, start: bytes) -> str:
    """Return what a file is and what to do with it; empty if it is not recognized.

    Parameters
    ----------
    path
        The file.
    start
        Its first 4096 bytes.
    """
    texts = (look(path, start) for look in (_mni, _freesurfer, _matlab, _nifti, _image))
    return next((text for text in texts if text), "")


def _mni(path: Path, start: bytes) -> str:  # noqa: ARG001
    if not start.lstrip().startswith(b"MNI Transform File"):
        return ""
    if b"Grid_Transform" in start:
        return "an MNI transform (.xfm) with a grid; convert it to ITK .h5 with MINC's tools"
    return (
        "an MNI transform (.xfm), whose direction depends on the program that wrote it; save its "
        "3 lines of numbers and a line 0 0 0 1 as X.txt, and run 'regkit transform convert' with "
        "--from ras if it maps fixed to moving, 'regkit transform invert' with --from ras if it "
        "maps moving to fixed, as minctracc and FreeSurfer write it"
    )


def _freesurfer(path: Path, start: bytes) -> str:
    lines = start.decode("ascii", errors="replace").split("\n")
    if path.suffix.lower() != ".dat" or len(lines) < 8 or len(lines[4].split()) != 4:
        return ""
    return (
        "FreeSurfer's register.dat, defined by both images; convert it: lta_convert --inreg FILE "
        "--outlta OUT.lta --src MOVING --trg FIXED"
    )


def _matlab(path: Path, start: bytes) -> str:  # noqa: ARG001
    if not start.startswith(b"MATLAB 5.0"):
        return ""
    return "a MATLAB file (SPM keeps matrices so); save its 4 x 4 matrix as text"


def _nifti(path: Path, start: bytes) -> str:  # noqa: ARG001
    intent = nifti_intent(start)
    if intent is None:
        return ""
    if intent.code in _FSL_INTENTS:
        return (
            "a warp of FSL's FNIRT; convert it: wb_command -convert-warpfield -from-fnirt WARP "
            "MOVING -to-itk OUT.nii.gz"
        )
    if intent.name == "Mapping":
        return "a deformation of SPM's, which holds positions; convert it to displacements"
    if intent.name.startswith("NREG"):
        return "a transform of NiftyReg's; let reg_transform -disp write its displacements"
    return (
        "a NIfTI image, not a transform; if it holds displacements in LPS mm, as ANTs writes "
        "them, give --from warp"
    )


def _image(path: Path, start: bytes) -> str:  # noqa: ARG001
    kind = signature(start)
    if kind in _IMAGES:
        return f"a {kind} image; if it holds displacements in LPS mm, give --from warp"
    return f"{kind}, not a transform" if kind not in ("", "text", "HDF5") else ""
