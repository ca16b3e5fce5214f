"""What a transform means: which way, about which point, in whose convention.

    python examples/read_a_transform.py [TRANSFORM]

Without a file it writes one first. On the command line: `regkit transform show TRANSFORM`.
"""

import sys
from pathlib import Path

from regkit import AffineTransform, Grid, rigid
from regkit.geometry.rigid import rigid_parameters
from regkit.io.transforms import read_transform, write_transform


def main(file: Path, grid: Grid) -> None:
    transform = read_transform(file, fixed=grid, moving=grid)
    if not isinstance(transform, AffineTransform):
        sys.exit(f"{file} is not linear: it has no single matrix")

    # A transform maps points of the fixed image to points of the moving image: x, y, z in LPS mm.
    centre = grid.centre
    print("the fixed centre ", centre)
    print("maps to          ", transform.map_points(centre).round(3).tolist())

    # Angles and translations mean something only about a stated centre.
    about_centre = rigid_parameters(transform, centre)
    print("shift of centre  ", [round(mm, 3) for mm in about_centre.translation_mm], "mm")
    print("turned about z   ", round(about_centre.euler_deg[2], 3), "degrees")

    # FreeSurfer, nibabel and Slicer's tables speak RAS; the file formats do the conversion.
    write_transform(transform, file.with_suffix(".lta"), fixed=grid, moving=grid)
    back = read_transform(file.with_suffix(".lta"), fixed=grid, moving=grid)
    print("same through .lta", bool(abs(back.matrix - transform.matrix).max() < 1e-3))


if __name__ == "__main__":
    head = Grid((60, 80, 80), (3.0, 3.0, 3.0), (-118.5, -118.5, -88.5))
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("turned.tfm")
    if len(sys.argv) == 1:
        write_transform(rigid((0, 0, 10), (5, 0, 0), head.centre), path)
    main(path, head)
