"""The prefix of output files that ``-o`` names."""

from __future__ import annotations

from pathlib import Path


def output_prefix(output: str, default_name: str) -> Path:
    """Return the path with which the names of all output files begin.

    Parameters
    ----------
    output, default_name
        See `regkit.io.output_prefix.prefix_path`.
    """
    from regkit.io.output_prefix import prefix_path

    return prefix_path(output, default_name)
