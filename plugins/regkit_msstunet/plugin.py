"""The methods that this package offers."""

from collections.abc import Iterable

from regkit.plugin import MethodSpec, hookimpl

NEEDS = {"torch": "torch", "safetensors": "safetensors"}
NI = "Ni et al. 2023, arXiv:2310.10095, multi-scale spatial transformer U-Net"


@hookimpl
def regkit_methods() -> Iterable[MethodSpec]:
    """Offer the reorientation of the left ventricle."""
    return (
        MethodSpec(
            name="ms-st-unet",
            target="regkit_msstunet.registrar:LearnedReorientation",
            summary="left ventricle of transaxial SPECT or PET to its short axis, with its labels",
            supports=frozenset({"moving_mask"}),
            requires=NEEDS,
            reference=NI,
            weights="regkit_msstunet",
            explains="the gates, by which coarse features weight the finer ones of each view",
            trainer="regkit_msstunet.train.task:train_reorienter",
        ),
    )
