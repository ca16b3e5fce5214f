"""Functions of higher layers that methods of lower classes call.

A method such as `Volume.to_sitk` belongs to its class for the user, and its code to a layer above.
It is named as text and imported when it is first called.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def late_import(target: str) -> Any:
    """Return an attribute of a module.

    Parameters
    ----------
    target
        Place of the attribute as ``"module:attribute"``.
    """
    module, _, attribute = target.partition(":")
    return getattr(import_module(module), attribute)
