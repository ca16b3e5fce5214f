"""The methods of this package."""

from collections.abc import Iterable

from regkit.plugin import MethodSpec, hookimpl

INPUTS = frozenset({"initial", "fixed_mask", "moving_mask"})


@hookimpl
def regkit_methods() -> Iterable[MethodSpec]:
    """Offer the methods of this package."""
    return (
        MethodSpec(
            name="identity",
            target="regkit_classic.identity:Identity",
            summary="identity transform (baseline)",
            model="none",
            is_registration=False,
        ),
        MethodSpec(
            name="moments",
            target="regkit_classic.moments:Moments",
            summary="alignment of centres of mass, and of principal axes with axes=true",
            supports=INPUTS,
            initializer=True,
        ),
        MethodSpec(
            name="mi",
            target="regkit_classic.mi:MutualInformation",
            summary="Mattes mutual information, rigid or affine, multi-resolution (SimpleITK)",
            supports=INPUTS,
            requires={"SimpleITK": "SimpleITK"},
            reference="doi:10.1109/TMI.2003.809072",
        ),
        MethodSpec(
            name="elastix-rigid",
            target="regkit_classic.elastix:ElastixRigid",
            summary="rigid Mattes mutual information with default elastix (itk-elastix)",
            supports=INPUTS,
            requires={"itk": "itk-elastix"},
            reference="doi:10.1109/TMI.2009.2035616",
        ),
    )
