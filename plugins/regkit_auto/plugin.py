"""The method of this package."""

from collections.abc import Iterable

from regkit.plugin import MethodSpec, hookimpl


@hookimpl
def regkit_methods() -> Iterable[MethodSpec]:
    """Offer the method that chooses among the others."""
    return (
        MethodSpec(
            name="auto",
            target="regkit_auto.automatic:AutomaticRegistration",
            summary="the best method known for the pair, refined; a good start is kept",
            supports=frozenset({"initial", "fixed_mask", "moving_mask"}),
            requires={"numba": "numba"},
            searches_everywhere=True,
        ),
    )
