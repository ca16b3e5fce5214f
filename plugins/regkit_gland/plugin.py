"""The method that this package offers."""

from collections.abc import Iterable

from regkit.plugin import MethodSpec, hookimpl


@hookimpl
def regkit_methods() -> Iterable[MethodSpec]:
    """Offer the registration of the prostate by where it is."""
    return (
        MethodSpec(
            name="gland",
            target="regkit_gland.registrar:GlandRegistration",
            summary="finds the prostate in MR and in ultrasound and aligns it, with its labels",
            supports=frozenset({"initial", "fixed_mask", "moving_mask"}),
            requires={"torch": "torch", "safetensors": "safetensors"},
            weights="regkit_gland",
            specialty=frozenset({("mr", "us"), ("us", "mr")}),
            trainer="regkit_gland.train.task:train_glands",
        ),
    )
