"""Random grids, transforms and points for hypothesis."""

import numpy as np
from hypothesis import strategies as st

from regkit import AffineTransform, DisplacementField, Grid, TransformChain, rigid
from regkit.geometry.rotation import rotation_matrix

MM = st.floats(-300, 300, allow_subnormal=False)
# Rounded, because the SVD of ITK, the judge, fails on directions with cosines such as 1e-180.
DEGREES = st.floats(-180, 180, allow_subnormal=False).map(lambda angle: round(angle, 6))
POINTS = st.lists(st.tuples(MM, MM, MM), min_size=1, max_size=8).map(np.array)


def triples(numbers):
    return st.tuples(numbers, numbers, numbers)


@st.composite
def grids(draw):
    """Flipped, permuted, oblique, anisotropic and offset grids of a few voxels."""
    flips = np.diag(draw(triples(st.sampled_from([-1.0, 1.0]))))
    order = draw(st.permutations([0, 1, 2]))
    direction = rotation_matrix(draw(triples(DEGREES))) @ flips[:, order]
    return Grid(
        draw(triples(st.integers(2, 9))),
        draw(triples(st.floats(0.4, 6))),
        draw(triples(MM)),
        tuple(direction.ravel()),
    )


RIGID = st.builds(rigid, triples(DEGREES), triples(MM), triples(MM))


@st.composite
def affines(draw):
    """Affine maps far enough from singular to be inverted; some mirror."""
    turn, back = (rotation_matrix(draw(triples(DEGREES))) for _ in range(2))
    size = st.floats(0.4, 2.5).flatmap(lambda s: st.sampled_from([s, s, s, -s]))
    return AffineTransform.about(
        turn @ np.diag(draw(triples(size))) @ back, draw(triples(MM)), draw(triples(MM))
    )


@st.composite
def fields(draw):
    """Displacement fields small enough on their grid to have an inverse."""
    grid = draw(grids())
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    size = 0.1 * min(grid.spacing)
    return DisplacementField(rng.uniform(-size, size, (*grid.shape_zyx, 3)), grid)


def chains():
    return st.builds(lambda a, f, b: TransformChain((a, f, b)), affines(), fields(), affines())
