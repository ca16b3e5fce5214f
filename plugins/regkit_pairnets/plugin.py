"""The methods that this package offers."""

from collections.abc import Iterable

from regkit.plugin import MethodSpec, hookimpl

EVERYTHING = frozenset({"initial", "fixed_mask", "moving_mask"})
NEEDS = {"torch": "torch", "safetensors": "safetensors"}
CHEN = "Chen et al. 2022, MICCAI, cross-modality registration of cardiac SPECT and CT"


@hookimpl
def regkit_methods() -> Iterable[MethodSpec]:
    """Offer the learned rigid methods."""
    return (
        _learned("dvnet", "two shallow streams, fused late; of SPECT and mu-map"),
        _learned("msreg", "ResNeXt-50 over both images; of SPECT and mu-map"),
        _learned("densenet", "two densely connected streams; of SPECT and mu-map"),
        _learned("densenet-nonlocal", "DenseNet with cross attention; of SPECT and mu-map"),
        _learned("dusfe", "DenseNet with squeeze-fuse-excitation; of SPECT and mu-map"),
        _learned(
            "attention-reg",
            "cross-modal attention; of prostate MR and ultrasound",
            "doi:10.1016/j.media.2022.102612",
        ),
    )


def _learned(name: str, summary: str, reference: str = CHEN) -> MethodSpec:
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
    )
