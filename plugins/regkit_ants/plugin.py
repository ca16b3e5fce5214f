"""The methods of this package."""

from collections.abc import Iterable

from regkit.plugin import MethodSpec, hookimpl


def _spec(model: str, summary: str) -> MethodSpec:
    return MethodSpec(
        name=f"ants-{model}",
        target="regkit_ants.registration:AntsLinear",
        summary=summary,
        model=model,
        supports=frozenset({"initial", "fixed_mask", "moving_mask"}),
        preset={"model": model},
        requires={"ants": "antspyx"},
        reference="doi:10.1016/j.neuroimage.2010.09.025",
    )


@hookimpl
def regkit_methods() -> Iterable[MethodSpec]:
    """Offer the methods of this package."""
    return (
        _spec("rigid", "rigid Mattes mutual information with ANTs (antspyx)"),
        _spec("affine", "rigid, then affine Mattes mutual information with ANTs (antspyx)"),
    )
