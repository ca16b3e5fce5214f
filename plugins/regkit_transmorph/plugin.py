"""What this package offers."""

from collections.abc import Iterable

from regkit.plugin import MethodSpec, hookimpl


@hookimpl
def regkit_methods() -> Iterable[MethodSpec]:
    """Offer the affine methods for whole-body PET/CT."""
    return ()
