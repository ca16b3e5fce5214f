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
NO_BETTER = (
    "the images are unlike those of the network's training, and its result aligns them no better "
    "than the initial transform beyond the noise of the similarity ({:.1f} standard errors; "
    "{:g} needed)"
)
KEPT = "{}: the initial transform is returned; look at the pictures, or use another method"
DOUBTED = (
    "{}, which is no proof in ultrasound; compare it with the initial transform by eye, or use "
    "another method"
)


def guard_start(pair: Pair, estimate: Estimate) -> Estimate:
    """Return an estimate, or the initial transform where the images speak against the estimate.

    Both are compared by `regkit.similarity.improvement`. Where the domain guard finds the images
    unlike those of the training (``domain_warnings`` in the diagnostics), the result has to be
    clearly better than the start (better at all than a start that is a guess), elsewhere it must
    not be clearly worse. The limit is that of the verdict and of the method ``auto``. In
    ultrasound, where a similarity is no proof, the result is kept, and told: on 15 real prostates,
    one of 6 better ones would have been rejected. `benchmarks/start_guard.py` counts what is
    rejected.

    Parameters
    ----------
    pair
        The images, masks and initial transform.
    estimate
        Estimate of a network.

    Returns
    -------
    Estimate
        With ``improvement_over_start`` (standard errors), ``initial_kept`` and ``rejected`` (why,
        if it is) in its diagnostics, and a warning where the estimate gives way to the start, or
        is clearly worse.
    """
    gained = improvement(pair, estimate.transform, pair.start)
    is_worse = gained < -CLEARLY_BETTER
    is_doubtful = bool(estimate.diagnostics.get("domain_warnings"))
    is_proof = NO_PROOF.isdisjoint({pair.fixed.modality, pair.moving.modality})
    needed = 0.0 if pair.initial_is_guess else CLEARLY_BETTER
    kept = is_proof and (is_worse or (is_doubtful and gained < needed))
    warnings, reason = list(estimate.diagnostics.get("warnings", ())), ""
    if is_worse or kept:
        reason = WORSE.format(-gained) if is_worse else NO_BETTER.format(gained, needed)
        warnings.append((KEPT if kept else DOUBTED).format(reason))
    diagnostics = {
        **estimate.diagnostics,
        "improvement_over_start": gained,
        "initial_kept": kept,
        "rejected": reason if kept else "",
        "warnings": warnings,
    }
    transform = pair.start if kept else estimate.transform
    return replace(estimate, transform=transform, diagnostics=diagnostics)
