"""ANTs as its own scripts run it, a peer of benchmarks: `antsRegistrationSyN[Quick].sh -t r`.

`ants-rigid` of regkit has their schedule too, but starts from the headers and computes in double
precision, so that runs repeat. Here all is as in the scripts: the start lays centers of mass on
each other, and single precision is used. No image is warped.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

from pairs import moved
from regkit import Estimate, Pair
from regkit.geometry.transform import AffineTransform
from regkit.similarity.intensity import normalize_for_similarity
from regkit_ants.conversion import read_affine, volume_to_ants

# Largest number of steps of a level, coarse to fine, in the scripts of ANTs 2.5.
STEPS = {"quick": "1000x500x250x0", "full": "1000x500x250x100"}
STAGE = ("--transform", "Rigid[0.1]", "--shrink-factors", "8x4x2x1")
SMOOTHING = ("--smoothing-sigmas", "3x2x1x0vox", "--winsorize-image-intensities", "[0.005,0.995]")


@dataclass(frozen=True)
class AntsScript:
    """Rigid Mattes mutual information with the schedule of a script of ANTs.

    Parameters
    ----------
    schedule
        ``quick`` or ``full``, whose last level works at full resolution.
    """

    schedule: str

    def register(self, pair: Pair) -> Estimate:
        """Return the total map."""
        import ants
        from ants.internal import get_pointer_string

        # Starts are given by the header, for the script computes its own.
        start = cast("AffineTransform", pair.start)
        moving = moved(normalize_for_similarity(pair.moving), start.inverse())
        images = [volume_to_ants(v) for v in (normalize_for_similarity(pair.fixed), moving)]
        both = ",".join(map(get_pointer_string, images))
        with TemporaryDirectory() as folder:
            arguments = ["--dimensionality", "3", "--float", "1", "--random-seed", "1"]
            arguments += ["--output", f"{folder}/found", "--initial-moving-transform"]
            arguments += [f"[{both},1]", *STAGE, "--metric", f"MI[{both},1,32,Regular,0.25]"]
            arguments += ["--convergence", f"[{STEPS[self.schedule]},1e-6,10]", *SMOOTHING]
            ants.registration(arguments, None)
            found = read_affine(Path(folder, "found0GenericAffine.mat"))
        return Estimate(start @ found)
