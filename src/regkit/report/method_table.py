"""Table of methods, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable

from regkit.plugin import MethodSpec
from regkit.registry import RegisteredSpec

HEADER = "| method | gives | starts from | masks | what it does |\n|---|---|---|---|---|\n"


def method_table(registered: Iterable[RegisteredSpec[MethodSpec]]) -> str:
    """Return methods as a Markdown table, in the order given."""
    return HEADER + "".join(_row(entry.spec) for entry in registered)


def _row(spec: MethodSpec) -> str:
    masks = " and ".join(role for role in ("fixed", "moving") if f"{role}_mask" in spec.supports)
    start = "an initial transform" if "initial" in spec.supports else "nothing"
    cells = (f"`{spec.name}`", spec.model, start, masks or "none", spec.summary)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
