"""The version of regkit that is installed."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

# The name `regkit` on the public index belongs to another project.
DISTRIBUTION = "regkit-imaging"


@cache
def installed_version() -> str:
    """Return the version in the metadata of the distribution; empty if it is not installed."""
    return package_version(DISTRIBUTION)


def package_version(distribution: str) -> str:
    """Return the version of an installed distribution; empty if it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""
