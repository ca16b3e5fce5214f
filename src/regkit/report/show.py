"""Show the picture of a result: in a notebook below its cell, else in a window."""

from __future__ import annotations

import sys
from typing import Any

from PIL import ImageShow

from regkit.errors import OutputError
from regkit.registration.run import RegistrationResult
from regkit.report.picture import picture


def show_result(result: RegistrationResult) -> None:
    """Show the picture of a registration.

    Raises
    ------
    OutputError
        No program that shows pictures is there.
    """
    notebook = _notebook()
    if notebook is not None:
        notebook.display(result)
    elif not ImageShow.show(picture(result), "registration"):
        raise OutputError(
            "no program to show a picture was found; write it with result.save(PREFIX), or "
            "regkit.picture(result).save('picture.png')"
        )


def _notebook() -> Any:
    """Return the module that displays objects, if this is a notebook."""
    ipython: Any = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return ipython.display if shell is not None and hasattr(shell, "kernel") else None
