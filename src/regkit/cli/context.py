"""Options given before the command, and the registry that they select."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regkit.registry import Registry


@dataclass
class CliSettings:
    """Options of all commands.

    Parameters
    ----------
    debug
        True to show tracebacks.
    builtin_only
        True to leave out the plugins of other packages.
    """

    debug: bool = False
    builtin_only: bool = False


settings = CliSettings()


def current_registry() -> Registry:
    """Return the registry that the options select, all plugins loaded.

    What plugins print while they load goes to stderr, so that results on stdout stay readable.
    """
    from regkit.registry import default_registry

    with redirect_stdout(sys.stderr):
        registry = default_registry()
        _ = registry.plugins
    return registry
