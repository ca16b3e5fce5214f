"""HTML views of images, transforms and results, which a notebook asks objects for.

The classes lie in lower layers than the code that draws them, so a view is named as text and
imported when a notebook first shows such an object.
"""

from __future__ import annotations

from regkit.late_import import late_import

# Class name to the ``"module:function"`` that returns its HTML; a subclass uses its base's view.
VIEWS = {
    "Volume": "regkit.report.notebook:volume_html",
    "LabelMap": "regkit.report.notebook:labels_html",
    "Transform": "regkit.report.notebook:transform_html",
    "RegistrationResult": "regkit.report.notebook:result_html",
}


def html_of(shown: object) -> str:
    """Return an object's view as HTML, for its ``_repr_html_`` method.

    Raises
    ------
    LookupError
        Neither the object's class nor a base of it has a view.
    """
    for kind in type(shown).__mro__:
        if kind.__name__ in VIEWS:
            return str(late_import(VIEWS[kind.__name__])(shown))
    raise LookupError(f"a {type(shown).__name__} has no notebook view; add one to VIEWS")
