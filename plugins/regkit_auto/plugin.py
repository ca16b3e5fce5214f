"""The methods of this package."""

from collections.abc import Iterable

from regkit.plugin import MethodSpec, hookimpl


@hookimpl
def regkit_methods() -> Iterable[MethodSpec]:
    """Offer the methods that run others: to choose among them, and to average them."""
    return (
        MethodSpec(
            name="auto",
            target="regkit_auto.automatic:AutomaticRegistration",
            summary="the best method known for the pair, refined; a good start is kept",
            supports=frozenset({"initial", "fixed_mask", "moving_mask"}),
            requires={"numba": "numba"},
            searches_everywhere=True,
        ),
        MethodSpec(
            name="consensus",
            target="regkit_auto.consensus:ConsensusRegistration",
            summary="mean of a search refined by several measures, and of methods for the pair",
            supports=frozenset({"initial", "fixed_mask", "moving_mask"}),
            requires={"numba": "numba"},
            searches_everywhere=True,
        ),
    )
