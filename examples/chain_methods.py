"""How to start when the images lie far apart, or when one method fails.

    python examples/chain_methods.py

`a+b` runs b from the result of a; `a,b` tries b only if the verdict on a is not OK.
"""

import numpy as np

from regkit import Grid, RegistrationResult, Transform, register, rigid
from regkit.testing.phantom import thorax


def error_mm(result: RegistrationResult, truth: Transform) -> float:
    points = np.random.default_rng(0).uniform(-100, 100, (500, 3))
    miss = result.transform.map_points(points) - truth.map_points(points)
    return float(np.linalg.norm(miss, axis=1).mean())


def main() -> None:
    grid = Grid((44, 36, 44), (7.0, 7.0, 7.0), (-150.5, -122.5, -150.5))
    # Another scanner, another origin: by their headers the images hardly overlap.
    away = Grid(grid.shape_zyx, grid.spacing, (9.5, -202.5, -40.5))
    truth = rigid((6, -5, 12), (160, -80, 110))
    fixed = thorax(grid, "pet", noise=0.1)
    moving = thorax(away, "ct", truth, noise=0.02)

    for method in ("mi", "moments+mi", "identity,moments+mi"):
        # Without init="identity" a better start than these headers is found first.
        result = register(fixed, moving, method, init="identity")
        used = result.estimate.diagnostics.get("used", method)
        print(
            f"{method:20} {result.verdict.status:6} error {error_mm(result, truth):6.2f} mm, "
            f"{result.compute_s:.1f} s, result of {used}"
        )


if __name__ == "__main__":
    main()
