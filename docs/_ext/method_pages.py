"""Parts of the pages of learned methods: what they learned from, scores, what the guards told."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

from measured import side_by_side
from registry_tables import weight_cards
from result_tables import markdown_table, records

from regkit.registry import default_registry

BUFFERS = re.compile(r"running_(mean|var)|num_batches_tracked")
LATER_STAGES = (
    "Trained by these commands, each from the weights of the one before. Those do not come with "
    "regkit: to train again, give `--start` the file that the line before has made; a method's "
    "name there means the weights that come with regkit now."
)
SETTING = r"--set '?{}=([\d.]+)"


class Page(NamedTuple):
    """A page: methods with weights of their own, methods in its table, and those beside them."""

    weights: tuple[str, ...]
    methods: tuple[str, ...]
    beside: tuple[str, ...]


_NETWORKS = ("identity", "mi", "fast-mi", "dusfe")
METHOD_PAGES = {
    "dusfe": Page(("dusfe",), ("dusfe", "dusfe+iso"), ("identity", "mi", "fast-mi", "auto")),
    **{
        name: Page((name,), (name,), _NETWORKS)
        for name in ("densenet", "densenet-nonlocal", "msreg", "dvnet")
    },
    "attention-reg": Page(
        ("attention-reg",),
        ("attention-reg", "attention-reg+iso"),
        ("identity", "mi", "fast-mi", "gland"),
    ),
    "gland": Page(("gland",), ("gland",), ("identity", "auto", "attention-reg", "glands")),
    "transmorph": Page(
        ("transmorph-cr", "transmorph-mi"),
        ("transmorph-cr", "transmorph-mi", "transmorph-cr-iso", "transmorph-mi-iso"),
        ("identity", "ants-affine", "fast-mi-affine"),
    ),
    "ms-st-unet": Page(
        ("ms-st-unet",),
        ("ms-st-unet", "ms-st-unet+lv-axis", "ms-st-unet+lv-walls+lv-axis"),
        ("truth",),
    ),
}


def training(page: Page) -> str:
    """Return what the weights of a page learned from, and the commands that trained them."""
    facts = {name: _facts(name) for name in page.weights}
    keys = next(iter(facts.values()))
    lines = [(key, *(facts[name][key] for name in page.weights)) for key in keys]
    heads = ("weights that come with regkit", *(f"`{name}`" for name in page.weights))
    commands = "\n".join(
        command.replace(" -o DIR", " -o trained/")
        for name in page.weights
        for command in _commands(_about(name))
    )
    stages = max(len(list(_commands(_about(name)))) for name in page.weights)
    told = LATER_STAGES if stages > 1 else "Trained from random weights by this command:"
    return f"{markdown_table(heads, lines)}\n{told}\n\n```text\n{commands}\n```\n"


def _card(name: str) -> tuple[Path, dict[str, Any]]:
    file = next(file for file in weight_cards() if file.stem == name)
    return file, json.loads(file.read_text(encoding="utf-8"))


def _about(name: str) -> dict[str, Any]:
    about: dict[str, Any] = _card(name)[1]["about"]
    return about


def _facts(name: str) -> dict[str, object]:
    file, card = _card(name)
    about = card["about"]
    steps = _steps_of(file, card)
    simulated = f"`{about['data']}`" if about["data"] != "both" else "`lv-spect`, `lv-pet`"
    data = about["data"] if "source" in about else f"{simulated}, simulated patients"
    megabytes = file.with_suffix(".safetensors").stat().st_size / 1e6
    errors = "; ".join(f"{k} {v:.3g}" for k, v in about["scores"]["validation"].items())
    return {
        "learned from": data,
        "cases, in the last training": about["cases"],
        "steps": ", ".join(str(count) for count, _ in steps),
        "cases drawn, all steps": f"{sum(count * batch for count, batch in steps):,}",
        "network": _source(card),
        "parameters of these weights": f"{_parameters(file.with_suffix('.safetensors')):,}",
        "grid": _grid(card),
        "passes": card["passes"],
        "size": f"{megabytes:.1f} MB",
        "license": about["licence"]
        + (f"; images: {about['source']}" if "source" in about else ""),
        "validation, " + ("real" if "source" in about else "simulated"): errors,
    }


def _grid(card: dict[str, Any]) -> str:
    shape = card.get("shape_zyx") or [card["grid_size"]] * 3
    spacing = card.get("spacing") or [card["spacing_mm"]] * 3
    sizes = " x ".join(str(n) for n in reversed(shape))
    return f"{sizes} voxels of {' x '.join(f'{mm:g}' for mm in dict.fromkeys(spacing))} mm"


def _source(card: dict[str, Any]) -> str:
    """Return whose layers these are, or that they are a reconstruction, as `weights show` does."""
    method = default_registry(builtin_only=True).method(card["method"]).load()
    return str(method.card.network_sources[card["network"]])


def _parameters(file: Path) -> int:
    """Return the number of parameters of a safetensors file, from its header."""
    with file.open("rb") as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    return sum(
        prod(entry["shape"])
        for key, entry in header.items()
        if key != "__metadata__" and not BUFFERS.search(key)
    )


def _commands(about: dict[str, Any]) -> Iterator[str]:
    if "start" in about:
        yield from _commands(about["start"])
    yield about["command"]


def _steps_of(file: Path, card: dict[str, Any]) -> list[tuple[int, int]]:
    """Return steps and batch size of every training of weights, the first one first."""
    preset = tomllib.loads((file.parents[1] / "presets" / "fast.toml").read_text(encoding="utf-8"))
    preset |= preset.get(card["method"], {})
    found = []
    for command in _commands(card["about"]):
        steps = re.search(r"--steps (\d+)|broken off at step (\d+)", command)
        batch = re.search(SETTING.format("batch_size"), command)
        count = int(steps[1] or steps[2]) if steps else preset["steps"]
        found.append((count, int(batch[1]) if batch else preset["batch_size"]))
    return found


def guards(page: Page) -> str:
    """Return what the guards told of the methods of a page."""
    lines = [
        line for name in page.weights for line in (*_domain(name), *_real(name), *_start(name))
    ]
    if not lines:
        return "What the guards tell of these weights was not measured.\n"
    return markdown_table(("weights", "guard", "images", "told, or rejected"), lines)


def _domain(name: str) -> Iterator[Sequence[object]]:
    rows = [r for r in records("domain_guard") if r["method"] == name and r["counted"]]
    for inside, what in ((True, "as those of training"), (False, "changed, header or image")):
        these = [row for row in rows if row["inside"] == inside]
        if these:
            told, cases = (sum(row[key] for row in these) for key in ("told", "cases"))
            yield f"`{name}`", "domain guard", f"simulated, {what}", f"{told} of {cases}"


def _real(name: str) -> Iterator[Sequence[object]]:
    titles = {
        "thighs": "**real** thighs in PET and CT",
        "painted-pet": "**real** CT, painted PET",
        "prostates": "**real** prostates, turned by the wrong axes of their files",
    }
    rows = [r for r in records("domain_guard_real") if r["method"] == name]
    for family in dict.fromkeys(row["images"] for row in rows):
        these = [bool(row["warnings"]) for row in rows if row["images"] == family]
        yield f"`{name}`", "domain guard", titles[family], f"{sum(these)} of {len(these)}"


def _start(name: str) -> Iterator[Sequence[object]]:
    rows = [r for r in records("start_guard") if r["method"] == name]
    for real, what in ((True, "**real** thighs in PET and CT"), (False, "simulated")):
        these = [row for row in rows if (row["data"] == "sts") == real]
        for worse, than in ((True, "worse"), (False, "better")):
            group = [r for r in these if (r["error_mm"] > r["start_error_mm"]) == worse]
            rejected = sum(row["rejected"] for row in group)
            if group:
                images = f"{what}, results {than} than the start"
                yield f"`{name}`", "start guard", images, f"{rejected} of {len(group)}"


def _scores(page: Page) -> str:
    return side_by_side(page.methods, page.beside)


PARTS: dict[str, Callable[[Page], str]] = {
    "training": training,
    "scores": _scores,
    "guards": guards,
}
PAGES: dict[str, Callable[[], str]] = {
    f"method-{name}-{part}.md": partial(write, page)
    for name, page in METHOD_PAGES.items()
    for part, write in PARTS.items()
}
