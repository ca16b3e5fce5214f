"""What the options before the command say, for the commands to ask."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regkit.registry import Registry


@dataclass
class CliSettings:
    """Options that hold for every command."""

    debug: bool = False
    builtin_only: bool = False


settings = CliSettings()


def current_registry() -> Registry:
    """Return the registry the user asked for, all loaded; what plugins print goes to stderr."""
    from regkit.registry import default_registry

    with redirect_stdout(sys.stderr):
        registry = default_registry(builtin_only=settings.builtin_only)
        _ = registry.plugins
    return registry
