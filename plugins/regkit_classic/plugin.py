"""What this package offers."""

from collections.abc import Iterable

from regkit.plugin import MethodSpec, hookimpl

EVERYTHING = frozenset({"initial", "fixed_mask", "moving_mask"})


@hookimpl
def regkit_methods() -> Iterable[MethodSpec]:
    """Offer the methods of this package."""
    return (
        MethodSpec(
            name="identity",
            target="regkit_classic.identity:Identity",
            summary="leaves the images where they are: the row every table needs",
            model="none",
            is_registration=False,
        ),
        MethodSpec(
            name="moments",
            target="regkit_classic.moments:Moments",
            summary="brings centres of mass together, and principal axes if asked (axes=true)",
            supports=EVERYTHING,
            initializer=True,
        ),
        MethodSpec(
            name="mi",
            target="regkit_classic.mi:MutualInformation",
            summary="Mattes mutual information, rigid or affine, coarse to fine (SimpleITK)",
            supports=EVERYTHING,
            requires={"SimpleITK": "SimpleITK"},
            reference="doi:10.1109/TMI.2003.809072",
        ),
        MethodSpec(
            name="elastix-rigid",
            target="regkit_classic.elastix:ElastixRigid",
            summary="rigid mutual information of elastix, its default parameters (itk-elastix)",
            supports=EVERYTHING,
            requires={"itk": "itk-elastix"},
            reference="doi:10.1109/TMI.2009.2035616",
        ),
    )
