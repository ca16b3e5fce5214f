"""What this package offers."""

from collections.abc import Iterable

from regkit.plugin import MethodSpec, hookimpl

EVERYTHING = frozenset({"initial", "fixed_mask", "moving_mask"})
NUMBA = {"numba": "numba"}


@hookimpl
def regkit_methods() -> Iterable[MethodSpec]:
    """Offer the methods of this package."""
    return (
        MethodSpec(
            name="fast-mi",
            target="regkit_instance.fast:FastRegistration",
            summary="mutual information, compiled, from many starts: any rotation, in a moment",
            supports=EVERYTHING,
            requires=NUMBA,
            reference="doi:10.1109/83.887976",
        ),
        MethodSpec(
            name="fast-cr",
            target="regkit_instance.fast:FastRegistration",
            summary="correlation ratio both ways, compiled, from many starts",
            supports=EVERYTHING,
            requires=NUMBA,
            preset={"measure": "cr"},
            reference="doi:10.1007/BFb0056301",
        ),
        MethodSpec(
            name="iso",
            target="regkit_instance.iso:InstanceOptimisation",
            summary="refines another method's result (moments+iso) by any of six measures",
            supports=EVERYTHING,
            requires=NUMBA,
            reference="arXiv:2409.13863",
        ),
    )
