"""The methods of this package."""

from collections.abc import Iterable

from regkit.plugin import MethodSpec, hookimpl

INPUTS = frozenset({"initial", "fixed_mask", "moving_mask"})
NUMBA = {"numba": "numba"}


@hookimpl
def regkit_methods() -> Iterable[MethodSpec]:
    """Offer the methods of this package."""
    return (
        MethodSpec(
            name="fast-mi",
            target="regkit_instance.fast:FastRegistration",
            summary="multi-start mutual information, all rotations, tenths of a second once warm",
            supports=INPUTS,
            searches_everywhere=True,
            witness={"search": {"samples": 20_000, "seed": 1}},
            requires=NUMBA,
            reference="Thévenaz & Unser 2000, doi:10.1109/83.887976",
        ),
        MethodSpec(
            name="fast-cr",
            target="regkit_instance.fast:FastRegistration",
            summary="multi-start correlation ratio in both directions, all rotations",
            supports=INPUTS,
            searches_everywhere=True,
            requires=NUMBA,
            preset={"measure": "cr"},
            reference="Roche et al. 1998, doi:10.1007/BFb0056301",
        ),
        MethodSpec(
            name="mind",
            target="regkit_instance.iso:InstanceOptimization",
            summary="self-similarity descriptors, from 13 starts near the initial transform",
            supports=INPUTS,
            requires=NUMBA,
            preset={"measure": "mind", "starts": 13},
            specialty=frozenset({("mr", "us"), ("us", "mr")}),
            witness={
                "search": {"starts": 13, "seed": 1},
                "refinement": {"starts": 1, "levels": 1, "samples": 10_000, "finest_mm": 4.0},
            },
            reference="Heinrich et al. 2013, doi:10.1007/978-3-642-40811-3_24",
        ),
        MethodSpec(
            name="iso",
            target="regkit_instance.iso:InstanceOptimization",
            summary="refinement of another method's result (moments+iso) by one of 11 measures",
            supports=INPUTS,
            requires=NUMBA,
            reference="Chen et al. 2024, arXiv:2409.13863",
        ),
    )
