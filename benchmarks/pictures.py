"""Make the pictures of the documentation again, from real output.

    python benchmarks/pictures.py

docs/_static/demo.png is that of `regkit demo`, docs/_static/ventricle.png that of
`regkit reorient` on a simulated patient; both small enough to load quickly.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

PICTURES = Path(__file__).parents[1] / "docs" / "_static"
WIDTH = 1200
# The commands that run in an empty folder, and the picture that they leave there.
COMMANDS = {
    "demo.png": ((("demo", "-o", "."),), "registration.png"),
    "ventricle.png": (
        (
            ("simulate", "lv-spect", "-n", "1", "-o", "cases"),
            ("reorient", "cases/p0000/moving.nii.gz", "-o", "ventricle"),
        ),
        "ventricle.png",
    ),
}


def make(name: str) -> Path:
    """Run the commands of a picture and keep it with few colors."""
    commands, written = COMMANDS[name]
    with tempfile.TemporaryDirectory() as folder:
        for words in commands:
            subprocess.run([sys.executable, "-m", "regkit", *words], check=True, cwd=folder)
        with Image.open(Path(folder, written)) as full:
            size = (WIDTH, round(full.height * WIDTH / full.width))
            small = full.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    file = PICTURES / name
    palette = small.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    palette.save(file, optimize=True)
    return file


def main() -> None:
    for name in COMMANDS:
        file = make(name)
        print(f"{file}: {file.stat().st_size // 1000} kB")


if __name__ == "__main__":
    main()
