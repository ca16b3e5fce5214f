"""What the options before the command say, for the commands to ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regkit.registry import Registry


@dataclass
class Settings:
    """Options that hold for every command."""

    debug: bool = False
    builtin_only: bool = False


settings = Settings()


def current_registry() -> Registry:
    """Return the registry the user asked for."""
    from regkit.registry import default_registry

    return default_registry(builtin_only=settings.builtin_only)
