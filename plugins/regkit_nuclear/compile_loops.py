"""Compile every loop at installation: ``python -m regkit_nuclear.compile_loops``.

The compiled loops stay beside the package, or in the user's cache where that cannot be written.
"""

from __future__ import annotations

from regkit_nuclear.cohorts.spect_ct import SpectCt
from regkit_nuclear.phantoms.wholebody import draw_whole_body_patient, whole_body_grid


def compile_loops() -> None:
    """Simulate a whole body and a SPECT in few voxels, with both precisions."""
    draw_whole_body_patient(0).render(whole_body_grid(12))
    SpectCt(n=1, size=16).case(0)


if __name__ == "__main__":
    compile_loops()
