"""The methods that this package offers."""

from collections.abc import Iterable

from regkit.plugin import MethodSpec, hookimpl

EVERYTHING = frozenset({"initial", "fixed_mask", "moving_mask"})
NEEDS = {"torch": "torch", "safetensors": "safetensors"}
CHEN = (
    "Chen et al. 2022, Dual-Branch Squeeze-Fusion-Excitation Module for Cross-Modality "
    "Registration of Cardiac SPECT and CT, MICCAI, arXiv:2206.05278"
)
ATTENTION = "the attention of the places of both images to each other"
CARDIAC = "for cardiac SPECT and attenuation map"


@hookimpl
def regkit_methods() -> Iterable[MethodSpec]:
    """Offer the learned rigid methods."""
    return (
        _learned("dvnet", f"two shallow streams, fused late, {CARDIAC}"),
        _learned("msreg", f"ResNeXt-50 over both images, {CARDIAC}"),
        _learned("densenet", f"two densely connected streams, {CARDIAC}"),
        _learned(
            "densenet-nonlocal",
            f"DenseNet with cross attention, {CARDIAC}",
            explains=ATTENTION,
        ),
        _learned(
            "dusfe",
            f"DenseNet with squeeze-fusion-excitation, {CARDIAC}",
            specialty={("spect", "mu"), ("spect", "ct"), ("mu", "spect"), ("ct", "spect")},
            explains="the squeeze-fuse weights of voxels and channels on three levels",
        ),
        _learned(
            "attention-reg",
            "cross-modal attention, for prostate MR and ultrasound",
            "Song et al. 2022, Medical Image Analysis, doi:10.1016/j.media.2022.102612",
            specialty={("mr", "us"), ("us", "mr")},
            explains=ATTENTION,
        ),
    )


def _learned(
    name: str,
    summary: str,
    reference: str = CHEN,
    specialty: Iterable[tuple[str, str]] = (),
    explains: str = "",
) -> MethodSpec:
    return MethodSpec(
        name=name,
        target="regkit_pairnets.registrar:LearnedRegistration",
        summary=summary,
        supports=EVERYTHING,
        requires=NEEDS,
        preset={"weights": name},
        reference=reference,
        weights="regkit_pairnets",
        trainer="regkit_pairnets.train.task:train_pair_network",
        specialty=frozenset(specialty),
        explains=explains,
    )
