"""Thorax pairs with a known truth, small enough for every test."""

from regkit import Grid, Pair, Transform, rigid
from regkit.testing.phantom import thorax

SMALL = Grid((36, 36, 36), (9.0, 9.0, 9.0), (-157.5, -157.5, -157.5))
MOTION = rigid((4.0, -3.0, 6.0), (12.0, -8.0, 10.0))


def small_pair(truth: Transform = MOTION, initial: Transform | None = None) -> Pair:
    """Return a PET (fixed) and a CT (moving) of the thorax; `truth` maps fixed to moving."""
    return Pair(thorax(SMALL, "pet"), thorax(SMALL, "ct", truth), initial=initial)
