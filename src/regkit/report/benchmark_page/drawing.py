"""Draw SVG; every text is escaped, colors come from the page's style sheet."""

from __future__ import annotations

from html import escape
from typing import TypeAlias

from markupsafe import Markup

Attribute: TypeAlias = str | float
# Colors of methods in templates/method_colors.css; more methods begin again with the first.
METHOD_COLORS = 16


def color_class(number: int) -> str:
    """Return the class of the style sheet that gives a method its color."""
    return f"m{number % METHOD_COLORS}"


class Drawing:
    """An SVG drawing; the methods add marks.

    Parameters
    ----------
    width, height
        Size in pixels; the page scales it down where there is less room.
    label
        Description for screen readers.
    """

    def __init__(self, width: float, height: float, label: str) -> None:
        self.width, self.height, self.label = width, height, label
        self._marks: list[str] = []

    def line(self, x1: float, y1: float, x2: float, y2: float, style: str) -> None:
        """Draw a straight line; `style` is a class of the style sheet."""
        self._add("line", "", style, x1=x1, y1=y1, x2=x2, y2=y2)

    def rectangle(self, x: float, y: float, width: float, height: float, style: str) -> None:
        """Draw a rectangle."""
        self._add("rect", "", style, x=x, y=y, width=max(width, 0.5), height=height)

    def dots(self, points: list[tuple[float, float]], style: str) -> None:
        """Draw many dots as one path."""
        path = "".join(f"M{_number(x)} {_number(y)}h0" for x, y in points)
        self._add("path", "", style, d=path)

    def path(self, points: list[tuple[float, float]], style: str) -> None:
        """Draw a line through points."""
        start, *rest = [f"{_number(x)} {_number(y)}" for x, y in points]
        self._add("path", "", style, d=f"M{start}" + "".join(f"L{point}" for point in rest))

    def disc(self, x: float, y: float, radius: float, style: str, title: str = "") -> None:
        """Draw a disc; `title` appears when the mouse is over it."""
        inner = f"<title>{escape(title)}</title>" if title else ""
        self._add("circle", inner, style, cx=x, cy=y, r=radius)

    def text(self, x: float, y: float, text: str, style: str = "", anchor: str = "start") -> None:
        """Write text; `anchor` is ``start``, ``middle`` or ``end``."""
        self._add("text", escape(text), style, x=x, y=y, text_anchor=anchor)

    def markup(self) -> Markup:
        """Return the drawing for a page."""
        head = (
            f'<svg class="chart" role="img" aria-label="{escape(self.label)}" '
            f'viewBox="0 0 {_number(self.width)} {_number(self.height)}" '
            f'width="{_number(self.width)}" height="{_number(self.height)}">'
        )
        return Markup(head + "".join(self._marks) + "</svg>")  # noqa: S704 - all of it escaped

    def _add(self, tag: str, inner: str, style: str, **attributes: Attribute) -> None:
        if style:
            attributes["class"] = style
        written = "".join(
            f' {name.replace("_", "-")}="{_value(value)}"' for name, value in attributes.items()
        )
        self._marks.append(f"<{tag}{written}>{inner}</{tag}>")


def _value(value: Attribute) -> str:
    return escape(value) if isinstance(value, str) else _number(value)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
