"""What this package offers."""

from collections.abc import Iterable

from regkit.plugin import MethodSpec, hookimpl


@hookimpl
def regkit_methods() -> Iterable[MethodSpec]:
    """Offer the methods of this package."""
    return (
        MethodSpec(
            name="identity",
            target="regkit_classic.identity:Identity",
            summary="leaves the images where they are: the row every table needs",
            model="none",
            aligns=False,
        ),
    )
