"""The start guard: a network must not align a pair worse than its initial transform does."""

from __future__ import annotations

from dataclasses import replace

from regkit.registrar import Estimate, Pair
from regkit.registration.evidence import CLEARLY_BETTER
from regkit.similarity.improvement import NO_PROOF, improvement

WORSE = (
    "the network's result aligns the images clearly worse than the initial transform "
    "({:.1f} standard errors of the similarity)"
)
KEPT = "{}: the initial transform is returned; look at the pictures, or use another method"
DOUBTED = (
    "{}, which is no proof in ultrasound; compare it with the initial transform by eye, or use "
    "another method"
)


def guard_start(pair: Pair, estimate: Estimate) -> Estimate:
    """Return an estimate, or the initial transform where that is clearly better by the images.

    Both are compared by `regkit.similarity.improvement`. The limit is that of the verdict and of
    the method ``auto``. On 12 simulated SPECT/CT, 4 PET/CT and 12 MR/ultrasound pairs, from starts
    far and near, and on 8 real PET/CT of thighs, no result that was better than its start was
    rejected; on the thighs, from headers that are right, 6 of 8 were that were worse. On 15 real
    prostates one of 6 better results would have been: in ultrasound the result is kept, and told.

    Parameters
    ----------
    pair
        The images, masks and initial transform.
    estimate
        Estimate of a network.

    Returns
    -------
    Estimate
        With ``improvement_over_start`` (standard errors) and ``initial_kept`` in its diagnostics,
        and a warning where the estimate is clearly worse than the start.
    """
    gained = improvement(pair, estimate.transform, pair.start)
    is_worse = gained < -CLEARLY_BETTER
    is_proof = NO_PROOF.isdisjoint({pair.fixed.modality, pair.moving.modality})
    kept = is_worse and is_proof
    warnings = list(estimate.diagnostics.get("warnings", ()))
    if is_worse:
        warnings.append((KEPT if kept else DOUBTED).format(WORSE.format(-gained)))
    diagnostics = {
        **estimate.diagnostics,
        "improvement_over_start": gained,
        "initial_kept": kept,
        "warnings": warnings,
    }
    transform = pair.start if kept else estimate.transform
    return replace(estimate, transform=transform, diagnostics=diagnostics)
