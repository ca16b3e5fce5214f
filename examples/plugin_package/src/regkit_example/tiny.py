"""Four registration problems whose answers are known, made on the spot."""

from collections.abc import Iterator
from dataclasses import dataclass

from regkit import AffineTransform, Case, Grid, Pair
from regkit.testing.phantom import thorax

SHIFTS_MM = ((12, 0, 0), (0, -15, 6), (-8, 9, 14), (18, -10, -12))


@dataclass(frozen=True)
class TinyThorax:
    """The thorax phantom, shifted four times."""

    name: str = "tiny-thorax"

    def __len__(self) -> int:
        return len(SHIFTS_MM)

    def __iter__(self) -> Iterator[Case]:
        grid = Grid((40, 28, 38), (9, 9, 9), origin=(-166.5, -121.5, -175.5))
        for number, shift in enumerate(SHIFTS_MM):
            truth = AffineTransform.shift(shift)
            pair = Pair(thorax(grid, "pet"), thorax(grid, "ct", truth, noise=0.02))
            yield Case(id=f"shift-{number}", pair=pair, truth=truth, group="phantom")
