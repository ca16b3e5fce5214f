"""The methods that this package offers."""

from collections.abc import Iterable

from regkit.plugin import MethodSpec, hookimpl

EVERYTHING = frozenset({"initial", "fixed_mask", "moving_mask"})
NEEDS = {"torch": "torch", "safetensors": "safetensors"}
CHEN = (
    "Chen et al. 2024, Unsupervised Learning of Multi-modal Affine Registration for PET/CT, "
    "arXiv:2409.13863"
)
MEASURES = {"mi": "mutual information", "cr": "correlation ratio"}


@hookimpl
def regkit_methods() -> Iterable[MethodSpec]:
    """Offer the affine methods for whole-body PET/CT."""
    return (*map(_network, MEASURES), *map(_refined, MEASURES))


def _network(measure: str) -> MethodSpec:
    name = f"transmorph-{measure}"
    return MethodSpec(
        name=name,
        target="regkit_transmorph.registrar:TransMorph",
        summary=f"transformer trained by {MEASURES[measure]}, for whole-body CT and PET",
        model="affine",
        supports=EVERYTHING,
        requires=NEEDS,
        preset={"weights": name},
        reference=CHEN,
        weights="regkit_transmorph",
        trainer="regkit_transmorph.train.task:train_transmorph",
    )


def _refined(measure: str) -> MethodSpec:
    return MethodSpec(
        name=f"transmorph-{measure}-iso",
        target="regkit_transmorph.iso:InstanceSpecific",
        summary=f"TransMorph or multi-start search, refined on the pair by {MEASURES[measure]}",
        model="affine",
        supports=EVERYTHING,
        requires={**NEEDS, "numba": "numba"},
        preset={"weights": f"transmorph-{measure}", "measure": measure},
        reference=CHEN,
    )
