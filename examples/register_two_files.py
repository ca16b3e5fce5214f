"""How to align two image files and see whether it worked.

    python examples/register_two_files.py [FIXED MOVING]

Without files it paints a PET and a CT of a phantom that moved in between.
"""

import sys
from pathlib import Path

from regkit import Grid, register, rigid
from regkit.io import read_volume, write_volume
from regkit.io.transforms import write_transform
from regkit.report.picture import picture, write_picture
from regkit.testing.phantom import thorax


def main(fixed_file: Path, moving_file: Path) -> None:
    fixed = read_volume(fixed_file)
    moving = read_volume(moving_file)
    result = register(fixed, moving, "mi")

    print(result.verdict.status, *result.verdict.reasons, sep="\n  ")
    write_transform(result.transform, "fixed_to_moving.tfm")
    write_volume(result.warped, "moving_on_fixed.nii.gz")
    write_picture(picture(result), "look_at_me.png")
    print("wrote fixed_to_moving.tfm, moving_on_fixed.nii.gz and look_at_me.png")


def paint(fixed_file: Path, moving_file: Path) -> None:
    grid = Grid((60, 48, 60), (5.0, 5.0, 5.0), (-147.5, -117.5, -147.5))
    write_volume(thorax(grid, "pet", noise=0.1), fixed_file)
    moved = rigid((3, -4, 6), (10, -8, 12))
    write_volume(thorax(grid, "ct", moved, noise=0.02), moving_file)


if __name__ == "__main__":
    files = [Path(word) for word in sys.argv[1:]] or [Path("pet.nii.gz"), Path("ct.nii.gz")]
    if len(sys.argv) == 1:
        paint(*files)
    main(*files)
