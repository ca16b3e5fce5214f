"""Bring the generated parts of README.md up to date.

    python benchmarks/readme.py [--picture]

Between the markers `<!-- methods -->` and `<!-- /methods -->` stands the table of methods, between
those of `weights` what the cards of shipped weights say, between those of `training cost`,
`speed`, `capture`, `real pairs`, `whole bodies`, `ventricles`, `ventricle networks` and
`paper tables` what was measured, from `benchmarks/results`; `--picture` paints docs/demo.png from
the demo's pair and docs/ventricle.png from a simulated patient.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from records import markdown
from regkit.registry import default_registry
from regkit.report.method_table import method_table

ROOT = Path(__file__).parents[1]
README, PICTURES = ROOT / "README.md", ROOT / "docs"
# What runs, and the picture that it leaves -> the picture to keep.
PAINTED = {
    "demo.png": ((("demo", "-o", "."),), "registration.png"),
    "ventricle.png": (
        (
            ("simulate", "lv-spect", "-n", "1", "-o", "cases"),
            ("reorient", "cases/p0000/moving.nii.gz", "-o", "ventricle"),
        ),
        "ventricle.png",
    ),
}
RESULTS = ROOT / "benchmarks" / "results"
MEASURED = {
    "training cost": RESULTS / "training_cost.md",
    "speed": RESULTS / "speed.md",
    "capture": RESULTS / "capture.md",
    "real pairs": RESULTS / "real_pairs.md",
    "whole bodies": RESULTS / "petct.md",
    "ventricles": RESULTS / "ventricles.md",
    "ventricle networks": RESULTS / "ventricle_networks.md",
    "paper tables": RESULTS / "tables.md",
}


def replace_between(text: str, name: str, content: str) -> str:
    """Return the text with new content between the markers of a name, which it must have."""
    before, begin, rest = text.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- /{name} -->")
    if not (begin and end):
        raise SystemExit(f"{README} has no markers of {name}; write them where the table goes")
    return f"{before}<!-- {name} -->\n{content}<!-- /{name} -->{after}"


def weights_table() -> str:
    """Lay out the cards of all shipped weights as Markdown."""
    lines = []
    for file in sorted(ROOT.glob("plugins/*/shipped/*.json")):
        card = json.loads(file.read_text(encoding="utf-8"))
        about = card["about"]
        size = file.with_suffix(".safetensors").stat().st_size / 1e6
        scores = "; ".join(f"{k} {v:.3g}" for k, v in about["scores"]["validation"].items())
        lines.append(
            (f"`{card['method']}`", f"`{about['data']}`", about["steps"], f"{size:.1f}", scores)
        )
    columns = ("weights", "learnt from", "steps", "MB", "errors in validation")
    return markdown(columns, lines) + "\n"


def paint() -> None:
    """Paint the pictures again, small enough to load quickly."""
    for name, (commands, painted) in PAINTED.items():
        with tempfile.TemporaryDirectory() as folder:
            for words in commands:
                subprocess.run([sys.executable, "-m", "regkit", *words], check=True, cwd=folder)
            with Image.open(Path(folder, painted)) as drawn:
                size = (1200, round(drawn.height * 1200 / drawn.width))
                small = drawn.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        file = PICTURES / name
        file.parent.mkdir(exist_ok=True)
        small.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
            file, optimize=True
        )
        print(f"{name}: {file.stat().st_size // 1000} kB")


def main() -> None:
    text = README.read_text(encoding="utf-8")
    methods = method_table(default_registry(builtin_only=True).methods)
    text = replace_between(text, "methods", methods)
    text = replace_between(text, "weights", weights_table())
    for name, file in MEASURED.items():
        text = replace_between(text, name, file.read_text(encoding="utf-8"))
    README.write_text(text, encoding="utf-8")
    if "--picture" in sys.argv:
        paint()


if __name__ == "__main__":
    main()
