"""Load the templates of pages; they escape every inserted text."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment, Template


def template(name: str, package: str = "regkit.report") -> Template:
    """Return a template of a package, which may include those of this one."""
    return _environment(package).get_template(name)


@cache
def _environment(package: str) -> Environment:
    # Imported here because few registrations ask for a page, and all of them import this module.
    from jinja2 import (  # noqa: PLC0415
        ChoiceLoader,
        Environment,
        PackageLoader,
        StrictUndefined,
    )

    return Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in (package, "regkit.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
