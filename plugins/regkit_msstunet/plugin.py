"""What this package offers."""

from collections.abc import Iterable

from regkit.plugin import FrameSpec, MethodSpec, hookimpl

NEEDS = {"torch": "torch", "safetensors": "safetensors"}
NI = "Ni et al., multi-scale spatial transformer U-Net for reorientation of the left ventricle"


@hookimpl
def regkit_methods() -> Iterable[MethodSpec]:
    """Offer the reorientation of the left ventricle."""
    return (
        MethodSpec(
            name="ms-st-unet",
            target="regkit_msstunet.registrar:LearnedReorientation",
            summary="left ventricle of transaxial SPECT or PET to its short axis, with its labels",
            honours=frozenset({"moving_mask"}),
            requires=NEEDS,
            reference=NI,
            weights="regkit_msstunet",
            trainer="regkit_msstunet.train.trainer:train",
        ),
    )


@hookimpl
def regkit_frames() -> Iterable[FrameSpec]:
    """Offer the left ventricle's own planes."""
    return (
        FrameSpec(
            name="short-axis",
            target="regkit_msstunet.ventricle.short_axis:ShortAxis",
            summary="short axis of the left ventricle: x lateral, y inferior, z to the base",
            method="ms-st-unet",
        ),
    )
