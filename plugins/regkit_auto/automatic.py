"""The method `auto`: it lets the methods that suit a pair compete, and refines."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from regkit.errors import DeviceError, RegistrationError, RegkitError
from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import IDENTITY, Transform
from regkit.registrar import Estimate, Judgement, Pair, Registrar
from regkit.registration.device import check_device_name, is_gpu
from regkit.registration.evidence import needed_agreement
from regkit.registration.judgement import own_judgement
from regkit.registration.parameters import check_ranges
from regkit.registration.pipeline import build_method
from regkit.registration.witness import refinement_witness
from regkit.registry import default_registry
from regkit.similarity.improvement import NO_PROOF, improvement
from regkit.similarity.point_sample import sample_points_in_mask
from regkit.working import part_of_work
from regkit_auto.specialists import Specialists, first_doubt

logger = logging.getLogger(__name__)

SEARCH, REFINEMENT = "fast-mi", "iso"
MAX_SEED = 2**31 - 2  # that of the search
# Standard errors by which a result must align the images better than what is kept otherwise.
# Chosen by hand, on real PET/CT of 8 thighs, in place and moved, and on 12 simulated MR/ultrasound
# pairs of the validation split: right results had 3.4 and more over starts 6 mm and more away,
# wrong ones 1.0 and less, and 7 of 8 thighs in place stay where they are.
LEAST_IMPROVEMENT = 3.0
# Less is needed where the winner is farther from the start than breath and beats move organs, in
# mm on average over the body: a right start aligns images better than places so far away. By hand;
# of 20 pairs in place (spect-ct-hard, training split) four results so far away had -0.9 at most.
# A search that leads so far from a specialist in doubt needs as many as over one that is
# preferred: in all three such pairs of 60 (training split) it had 0.5 at most and was 12 to 254 mm
# farther off.
FAR_MM, LEAST_FAR_IMPROVEMENT = 15.0, 1.0

# Where a similarity alone is no proof, two methods must agree within so many mm, on average over
# the body: of 17 simulated MR/ultrasound pairs, 14 of 14 right results did, none of 3 wrong
AGREEMENT_MM = 4.0
INITIAL = "the initial transform"
DISAGREE = (
    "no two of {} agree within {:.0f} mm where the images are alike by self-similarity, and a "
    "similarity alone is no proof in ultrasound"
)
JUDGED = "it is made for such images, and its own judge finds nothing against it"
STAYED = "it was given, and the judge of {}, made for such images, finds nothing against it"
KEPT = (
    "{} aligns the images no better beyond the noise of the similarity ({:.1f} standard errors; "
    "more than {:g} needed)"
)


@dataclass(frozen=True)
class _Candidate:
    """A result, the expression of methods that led to it, and the first of these methods."""

    name: str
    method: str
    estimate: Estimate

    @property
    def transform(self) -> Transform:
        return self.estimate.transform

    @property
    def doubt(self) -> str:
        """Warning that the images are unlike those of a specialist's training; empty if not."""
        warnings = self.estimate.diagnostics.get("domain_warnings", ())
        return str(warnings[0]) if warnings else ""

    @property
    def is_preferred(self) -> bool:
        """True for a specialist whose domain guard has no doubt."""
        return self.method != SEARCH and not self.doubt

    def why(self, candidates: Sequence[_Candidate]) -> str:
        """Return the reason in one sentence for taking this candidate."""
        if self.doubt:
            return f"{SEARCH} aligns the images no better, though: {self.doubt}"
        if self.method != SEARCH:
            return f"it is made for such images, and {SEARCH} aligns them no better"
        doubts = [f"{c.method} was not preferred: {c.doubt}" for c in candidates if c.doubt]
        beaten = [
            f"it aligns the images better than {c.name}" for c in candidates if c.is_preferred
        ]
        return (
            "; ".join(doubts + beaten)
            or "it searches all rotations, and no other method is made for these modalities"
        )


@dataclass(frozen=True)
class _Decision:
    """The estimate taken, its name, the reason, and its improvement over the initial transform."""

    estimate: Estimate
    used: str
    why: str
    over_start: float | None = None
    judged: tuple[str, ...] = ()
    """Specialists with a judge of their own that were run."""
    is_by_default: bool = False
    """True for an initial transform that is kept only because nothing else was confirmed."""


def _decide(
    pair: Pair, confirmed: Sequence[_Candidate], candidates: Sequence[_Candidate]
) -> _Decision:
    """Choose among the confirmed ones, the preferred ones first, and the initial transform."""
    start, chosen = Estimate(pair.start), confirmed[0]
    for rival in confirmed[1:]:
        needed = _needed_over(pair, chosen, rival)
        if improvement(pair, rival.transform, chosen.transform) > needed:
            chosen = rival
    over_start = improvement(pair, chosen.transform, pair.start)
    needed = _needed_over_start(pair, chosen)
    if over_start <= needed:
        return _Decision(start, INITIAL, KEPT.format(chosen.name, over_start, needed), over_start)
    return _Decision(chosen.estimate, chosen.name, chosen.why(candidates), over_start)


def _confirmed(pair: Pair, candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Return what may be taken: with ultrasound, what another one and the descriptors confirm."""
    if not candidates or not NO_PROOF & {pair.fixed.modality, pair.moving.modality}:
        return list(candidates)
    apart = _apart_mm(pair, [candidate.transform for candidate in candidates])
    near = (apart <= AGREEMENT_MM).sum(axis=1) > 1  # every one is near itself
    agreed = [candidate for candidate, agrees in zip(candidates, near, strict=True) if agrees]
    return [candidate for candidate in agreed if _are_alike(pair, candidate.transform)]


def _needed_over(pair: Pair, kept: _Candidate, rival: _Candidate) -> float:
    """Return the standard errors by which a rival must be better than the candidate before it."""
    is_far = rival.method == SEARCH and _is_far(pair, kept.transform, rival.transform)
    return LEAST_IMPROVEMENT if kept.is_preferred or is_far else 0.0


def _needed_over_start(pair: Pair, chosen: _Candidate) -> float:
    """Return the standard errors by which a candidate must be better than the start."""
    if pair.initial_is_guess:
        return 0.0
    is_far = _is_far(pair, chosen.transform, pair.start)
    return LEAST_FAR_IMPROVEMENT if is_far else LEAST_IMPROVEMENT


def _is_far(pair: Pair, one: Transform, other: Transform) -> bool:
    """Return whether two maps lie far apart."""
    return bool(_apart_mm(pair, [one, other])[0, 1] > FAR_MM)


def _apart_mm(pair: Pair, maps: Sequence[Transform]) -> FloatArray:
    """Return the mean distance over the body between the places of each two maps, (N, N)."""
    sample = sample_points_in_mask(pair.fixed, pair.fixed_mask)
    body = sample.points[sample.foreground]
    mapped = [found.map_points(body) for found in maps]
    return np.array([[np.linalg.norm(a - b, axis=1).mean() for a in mapped] for b in mapped])


def _are_alike(pair: Pair, found: Transform) -> bool:
    """Return True unless the descriptors of the images disagree near a place."""
    refined = refinement_witness(pair, found)
    agreement = None if refined is None else refined.diagnostics.get("agreement")
    return agreement is None or agreement >= needed_agreement(pair)


@dataclass(frozen=True)
class AutomaticRegistration:
    """The best that regkit has for a pair: candidates compete, and a good start is kept.

    1. ``fast-mi`` searches all rotations, whatever the images.
    2. Specialists are run where they are installed: methods made for the modalities of the pair,
       ``dusfe`` for SPECT and attenuation map or CT, ``attention-reg``, ``mind`` and ``gland`` for
       MR and ultrasound.
    3. ``iso`` refines each result of images of different modalities; where both are MR or CT, it
       gains nothing over the mutual information of ``fast-mi``.
    4. A specialist is preferred: others have to align the images better beyond the noise of the
       similarity. That is by 3 standard errors, which a jackknife over blocks of the body finds;
       see `regkit.similarity.improvement`. A specialist whose domain guard finds the images unlike
       those of its training (``domain_warnings`` in its diagnostics) is not preferred: of it and
       the search, the one that aligns the images better is taken. A search that leads over 15 mm
       away from it has to be better beyond the noise, too.
    5. With ultrasound, where a wrong place may look better than the right one, only results that
       two methods agree on within 4 mm are considered, and where both images are alike by
       self-similarity.
    6. A specialist with a judge of its own (`regkit.registrar.Judge`) is run where nothing else
       can be taken: ``gland``. It is neither refined nor compared by a similarity, which means
       nothing for its images, and taken if its judge and its domain guard find nothing against it.
       An initial transform that was given, not that of the headers or a guess, is kept instead if
       its judge finds nothing against that either.
    7. The initial transform is kept unless the winner is better in the same sense: images of one
       scanner are not moved for nothing. One that was only guessed, because the headers make no
       sense, is kept unless the winner is better at all, and one that is over 15 mm away unless
       the winner is better by 1 standard error: a right start is better than a place so far away.

    What was taken and why is in the record and in the first lines of the output.

    Parameters
    ----------
    model
        Transform model of the search and the refinement. Specialists are rigid, so they take part
        in ``rigid`` only.
    seed
        Seed of the search and the refinement, 0 or more.
    threads
        Number of threads of the search; the result is the same with any number.
    device
        Device of the specialists: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    """

    model: Literal["rigid", "similarity", "affine"] = "rigid"
    seed: int = 0
    threads: int = 1
    device: str = "auto"

    def __post_init__(self) -> None:
        """Refuse values out of range, and a device of another form."""
        check_ranges(self, seed=(0, MAX_SEED), threads=(1, 1024))
        check_device_name(self.device)

    def register(self, pair: Pair) -> Estimate:
        """Return the best of the candidates, or the initial transform."""
        specialists = self._specialists(pair)
        candidates, failed = self._candidates(pair, specialists)
        if confirmed := _confirmed(pair, candidates):
            decision = _decide(pair, confirmed, candidates)
        else:
            decision = self._judged(pair, specialists.judging, candidates, failed)
        stopped = (f"{name} stopped: {reason}" for name, reason in failed.items())
        record = {
            "used": decision.used,
            "why": "; ".join([decision.why, *stopped]),
            "improvement_standard_errors": decision.over_start,
            "initial_kept": decision.is_by_default,
            "candidates": [*(candidate.name for candidate in candidates), *decision.judged],
            "failed": failed,
        }
        found = decision.estimate
        return replace(found, diagnostics={**found.diagnostics, **record})

    def judge(self, pair: Pair, estimate: Estimate) -> Judgement | None:
        """Return what a specialist for the pair says of an estimate that it judges; else None."""
        judging = (self._method(name) for name in self._specialists(pair).judging)
        told = (own_judgement(method, pair, estimate) for method in judging)
        return next((judgement for judgement in told if judgement is not None), None)

    def _specialists(self, pair: Pair) -> Specialists:
        """Return the specialists for a pair; they are rigid."""
        return Specialists.of(pair, default_registry()) if self.model == "rigid" else Specialists()

    def _candidates(
        self, pair: Pair, specialists: Specialists
    ) -> tuple[list[_Candidate], dict[str, str]]:
        """Return the refined results, the preferred first, and why other methods failed."""
        found: list[_Candidate] = []
        failed: dict[str, str] = {}
        if is_gpu(self.device) and specialists == Specialists():
            _check_gpu_exists(self.device)
            logger.warning(
                "auto: no learned method is made for these images, so all is on the CPU"
            )
        for name in (*specialists.compared, SEARCH):
            estimate = self._found(name, pair, failed)
            if estimate is not None:
                found.append(self._refined(pair, _Candidate(name, name, estimate)))
        return sorted(found, key=lambda c: (c.method == SEARCH, bool(c.doubt))), failed

    def _found(self, name: str, pair: Pair, failed: dict[str, str]) -> Estimate | None:
        """Return what a method finds; where it fails, note why and return None."""
        try:
            with part_of_work(name):
                return self._method(name).register(pair)
        except DeviceError:
            raise
        except RegkitError as error:
            failed[name] = str(error)
            return None

    def _judged(
        self,
        pair: Pair,
        names: Sequence[str],
        candidates: Sequence[_Candidate],
        failed: dict[str, str],
    ) -> _Decision:
        """Return the first of the judging specialists without a doubt, or the initial transform.

        Raises
        ------
        RegistrationError
            Nothing was found at all.
        """
        others = ", ".join(candidate.name for candidate in candidates)
        reasons = [DISAGREE.format(others, AGREEMENT_MM)] if candidates else []
        doubts: dict[str, str] = {}
        for name in names:
            estimate = self._found(name, pair, failed)
            if estimate is None:
                continue
            judge = self._method(name)
            doubts[name] = first_doubt(own_judgement(judge, pair, estimate), estimate)
            if not doubts[name]:
                used, why = name, JUDGED
                at_start = replace(estimate, transform=pair.start)
                doubt = first_doubt(own_judgement(judge, pair, at_start), at_start)
                if not doubt and _is_given(pair):
                    estimate, used, why = at_start, INITIAL, STAYED.format(name)
                return _Decision(estimate, used, "; ".join([why, *reasons]), judged=tuple(doubts))
        reasons += [f"{name} was not taken: {doubt}" for name, doubt in doubts.items()]
        if not candidates:
            stopped = [f"{name}: {reason}" for name, reason in failed.items()]
            raise RegistrationError("; ".join([*stopped, *reasons]))
        start, why = Estimate(pair.start), "; ".join(reasons)
        return _Decision(start, INITIAL, why, judged=tuple(doubts), is_by_default=True)

    def _refined(self, pair: Pair, candidate: _Candidate) -> _Candidate:
        """Refine a result; one that cannot be refined stays as it is."""
        found = candidate.estimate
        if pair.fixed.modality and pair.fixed.modality == pair.moving.modality:
            return candidate
        try:
            with part_of_work(f"{candidate.method}+{REFINEMENT}"):
                started = replace(pair, initial=found.transform)
                refined = self._method(REFINEMENT).register(started)
        except RegkitError:
            return candidate
        unlike = found.diagnostics.get("domain_warnings", ())
        # That passes of a network did not converge is mended by the refinement.
        warnings = found.diagnostics.get("warnings", ()) if candidate.method == SEARCH else unlike
        diagnostics = {
            "device": found.diagnostics.get("device", "cpu"),
            "warnings": warnings,
            "remarks": found.diagnostics.get("remarks", ()),
            "domain_warnings": unlike,
            "stages": [dict(found.diagnostics), dict(refined.diagnostics)],
        }
        estimate = Estimate(refined.transform, found.labels, diagnostics)
        return _Candidate(f"{candidate.method}+{REFINEMENT}", candidate.method, estimate)

    def _method(self, name: str) -> Registrar:
        parameters = {} if self.model == "rigid" else {"model": self.model}
        device = "auto" if name in (SEARCH, REFINEMENT) else self.device
        defaults = {"seed": self.seed, "threads": self.threads, "device": device}
        return build_method(name, parameters, defaults=defaults)


def _is_given(pair: Pair) -> bool:
    """Return whether the start is neither that of the headers nor a guess: somebody gave it."""
    return pair.start != IDENTITY and not pair.initial_is_guess


def _check_gpu_exists(name: str) -> None:
    """Refuse a GPU that this machine lacks, also where no method would use it."""
    from regkit.learning.device import device_named  # noqa: PLC0415 - it loads torch

    device_named(name)
