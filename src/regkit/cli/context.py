"""Options given before the command or by all commands, and the registry that they select."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from regkit.cli.stray_output import stray_output_on_stderr

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
    command
        Command line, quoted for a shell.
    quiet
        True to print neither progress nor warnings.
    verbose
        Number of ``-v``.
    log_level
        Name of the level of messages on stderr; empty for the default.
    config_file
        Configuration file in use; empty for none.
    configured
        Options that a configuration file set, by their names on the command line without dashes.
    """

    debug: bool = False
    builtin_only: bool = False
    command: str = ""
    quiet: bool = False
    verbose: int = 0
    log_level: str = ""
    config_file: str = ""
    configured: Mapping[str, Any] = field(default_factory=dict)

    @property
    def told(self) -> dict[str, Any]:
        """The command line and the options of the configuration file, for a record."""
        return {"command": self.command, "config": self.config_record}

    @property
    def config_record(self) -> dict[str, Any]:
        """The options of the configuration file, for a record; empty if it set nothing."""
        if not self.configured:
            return {}
        return {"file": self.config_file, "options": dict(self.configured)}


settings = CliSettings()


def current_registry() -> Registry:
    """Return the registry that the options select, all plugins loaded.

    What plugins print while they load goes to stderr, so that results on stdout stay readable.
    """
    from regkit.registry import default_registry

    with stray_output_on_stderr():
        registry = default_registry()
        _ = registry.plugins
    return registry
