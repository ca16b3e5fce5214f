"""Explain a transform in words and numbers: direction, motion, and every convention's matrix."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

import numpy as np
from rich.text import Text

from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.motion_text import shift_in_words
from regkit.geometry.rigid import RigidParameters
from regkit.geometry.transform import Transform
from regkit.report.description import (
    Description,
    Displacement,
    MatrixForm,
    describe,
)

# Characters of a line and of its label; chosen by hand.
WIDTH = 92
LABEL = 18
# Keeps the three numbers of a point on one line.
NO_BREAK = "\N{NO-BREAK SPACE}"
# Shown as 0.00 degrees.
NEGLIGIBLE_DEG = 0.005

# For a rotation about +x, +y, +z in LPS: the axis, the direction, and the opposite direction.
TURNS = (
    ("left-right", "posterior towards superior", "posterior towards inferior"),
    ("front-back", "superior towards left", "superior towards right"),
    ("head-foot", "left towards posterior", "left towards anterior"),
)
MODELS = {
    "identity": "identity: no motion",
    "translation": "translation: a shift without rotation",
    "rigid": "rigid: rotation and translation; distances are preserved",
    "similarity": "similarity: rotation, translation and one scale for all directions",
    "affine": "affine: rotation, translation, scales and shears",
    "displacement field": "displacement field: a shift for every point",
    "chain": "chain: transforms one after the other",
}


def explain_transform(
    transform: Transform, fixed: Grid | None = None, moving: Grid | None = None
) -> Text:
    """Explain a transform in words and numbers.

    Parameters
    ----------
    transform
        Map of fixed to moving points, LPS mm.
    fixed, moving
        Grids of the images; without the fixed one, the motion is about the origin.

    Returns
    -------
    Text
        Styled for a terminal; ``.plain`` is the bare text.
    """
    return explain_description(describe(transform, fixed, moving))


def explain_description(description: Description) -> Text:
    """Return a description as text; see `explain_transform`."""
    text = Text()
    for title, lines in _sections(description):
        text.append(("\n" if text else "") + title + "\n", style="bold cyan")
        for line in lines:
            text.append_text(line).append("\n")
    return text


def turn_in_words(motion: RigidParameters) -> str:
    """Return the patient's rotation in the moving image relative to the fixed one, in words."""
    if motion.rotation_deg < NEGLIGIBLE_DEG:
        return "none"
    main = int(np.argmax(np.abs(motion.axis)))
    axis, forwards, backwards = TURNS[main]
    which = (
        f"about the {axis} axis"
        if abs(motion.axis[main]) > 0.95
        else f"about an oblique axis, nearest to {axis}"
    )
    return (
        f"in the moving image the patient is rotated by {motion.rotation_deg:.2f} degrees "
        f"{which}: {forwards if motion.axis[main] > 0 else backwards}"
    )


def _sections(d: Description) -> Iterator[tuple[str, list[Text]]]:
    yield "Mapping", list(_mapping(d))
    yield f"Motion about {d.centre_name}", list(_motion(d))
    if d.matrices:
        yield "The same map as a matrix, in each convention", list(_matrices(d.matrices))
    else:
        yield "Linear part at the centre (FIXED -> MOVING, LPS mm)", _rows(d.linear_fit)


def _mapping(d: Description) -> Iterator[Text]:
    yield from _entry("direction", "points of the FIXED image -> points of the MOVING image")
    yield from _entry(
        "example",
        f"{d.centre_name}, {_point(d.centre)}, maps to {_point(d.mapped_centre)} in the moving "
        "image",
    )
    back = np.subtract(d.centre, d.mapped_centre).tolist()
    yield from _entry(
        "to match",
        f"anatomy there in the moving image must be shifted by {_point(back)} mm: "
        f"{shift_in_words(back)}",
    )
    yield from _entry("frame", "LPS mm: x to the patient's left, y to posterior, z to superior")


def _motion(d: Description) -> Iterator[Text]:
    motion = d.motion
    yield from _entry("model", _model(d))
    yield from _entry("centre", f"{_point(d.centre)} mm")
    yield from _entry(
        "translation",
        f"{_point(motion.translation_mm)} mm: {shift_in_words(motion.translation_mm)}",
    )
    yield from _entry("rotation", turn_in_words(motion))
    if motion.rotation_deg >= NEGLIGIBLE_DEG:
        yield from _entry("axis and angle", f"{_axis(motion.axis)}, {motion.rotation_deg:.3f} deg")
        x, y, z = (round(angle, 3) + 0.0 for angle in motion.euler_deg)
        yield from _entry(
            "Euler angles",
            f"x {x:.3f}, y {y:.3f}, z {z:.3f} deg (R = Rz Ry Rx: x is applied first)",
        )
    if d.model not in ("identity", "translation", "rigid"):
        yield from _stretch(d)
    yield from _entry("determinant", f"{d.determinant:.6f}: {_volume_change(d.determinant)}")
    yield from _entry("displacement", _displacement(d.displacement, bool(d.matrices)))


def _stretch(d: Description) -> Iterator[Text]:
    (x, y, z), (xy, xz, yz) = d.scales, d.shears
    yield from _entry("scales", f"x {x:.5f}, y {y:.5f}, z {z:.5f}")
    yield from _entry("shears", f"xy {xy:.5f}, xz {xz:.5f}, yz {yz:.5f}")


def _matrices(forms: Sequence[MatrixForm]) -> Iterator[Text]:
    for form in forms:
        heading = Text("  ").append(f"{form.name:{LABEL - 2}}", style="bold")
        heading.append(form.maps).append(f"   ({form.used_by})", style="dim")
        yield heading
        if form.matrix is None:
            yield Text(f"{'':{LABEL}}needs {form.needs}", style="yellow")
        else:
            yield from _rows(form.matrix)


def _rows(matrix: FloatArray) -> list[Text]:
    # Adding zero after rounding keeps "-0.000000" away.
    rows = matrix.round(6) + 0.0
    return [Text(" " * LABEL + " ".join(f"{value:12.6f}" for value in row)) for row in rows]


def _entry(label: str, words: str) -> Iterator[Text]:
    lines = textwrap.wrap(words, WIDTH - LABEL, break_on_hyphens=False)
    first, *rest = (line.replace(NO_BREAK, " ") for line in lines)
    yield Text("  ").append(f"{label:{LABEL - 2}}", style="bold").append(first)
    for line in rest:
        yield Text(" " * LABEL + line)


def _model(d: Description) -> str:
    words = MODELS[d.model]
    if d.steps:
        words += f" ({', then '.join(d.steps)})"
    return words + ("; with a reflection" if d.determinant < 0 else "")


def _point(values: Sequence[float]) -> str:
    return "(" + f",{NO_BREAK}".join(f"{round(v, 2) + 0.0:.2f}" for v in values) + ")"


def _axis(values: Sequence[float]) -> str:
    return "(" + ", ".join(f"{round(v, 4) + 0.0:.4f}" for v in values) + ")"


def _volume_change(determinant: float) -> str:
    if determinant < 0:
        return "a reflection: it swaps left and right"
    if abs(determinant) < 1e-12:
        return "singular: the map has no inverse"
    percent = (determinant - 1) * 100
    if abs(percent) < 0.005:
        return "volumes are preserved"
    return f"volumes {'grow' if percent > 0 else 'shrink'} by {abs(percent):.2f} %"


def _displacement(displacement: Displacement | None, linear: bool) -> str:
    if displacement is None:
        return "in the fixed field of view: needs the fixed image (--fixed)"
    words = (
        f"mean {displacement.mean_mm:.2f} mm, largest {displacement.largest_mm:.2f} mm "
        "in the fixed field of view"
    )
    if linear:
        return words
    smallest = displacement.smallest_determinant
    folds = " (the field folds)" if smallest <= 0 else ""
    return f"{words}; smallest determinant {smallest:.4f}{folds}"
