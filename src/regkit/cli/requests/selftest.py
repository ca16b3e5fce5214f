"""A self-test of a method on two image files: read, run from known motions, write."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from regkit.cli.context import current_registry
from regkit.cli.requests.output_prefix import output_prefix
from regkit.cli.requests.registration import (
    RegisterRequest,
    check_regions,
    judged_registration,
    request_inputs,
    requested_initializer,
    requested_pair,
    requested_start,
)
from regkit.cli.requests.rerun import may_replace, run_id

if TYPE_CHECKING:
    from regkit.benchmark.selftest import SeededRegistration
    from regkit.benchmark.selftest_result import SelfTest
    from regkit.registrar import Pair
    from regkit.registration.run import RegistrationResult
    from regkit.report.save import Saved

SELFTEST_PREFIX = "selftest"
# A function that is told how many of how many runs are done.
OnRun: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True)
class SelfTestRequest:
    """One self-test of a method on two image files.

    Parameters
    ----------
    registration
        Registration that is run from every motion, with the prefix of the output files.
    runs
        Number of runs, the reference included.
    tolerance_mm
        Largest error of a success, mm; None for the default.
    max_mm
        Longest shift, mm; None for the default.
    max_deg
        Largest rotation, degrees.
    """

    registration: RegisterRequest
    runs: int
    tolerance_mm: float | None = None
    max_mm: float | None = None
    max_deg: float = 180.0


def selftest_files(request: SelfTestRequest, on_run: OnRun) -> tuple[SelfTest, Saved]:
    """Read the images, run the method from known motions, and write the results.

    Returns
    -------
    tuple
        The self-test; its record, and the files written.
    """
    from regkit.benchmark.selftest import SelfTestSettings, run_selftest
    from regkit.io.atomic_output import atomic_output
    from regkit.registration.modalities import with_modalities
    from regkit.report.selftest_record import SELFTEST_ENDINGS, write_selftest

    registration = request.registration
    settings = SelfTestSettings(
        request.runs,
        request.tolerance_mm,
        request.max_mm,
        request.max_deg,
        registration.settings.seed,
    )
    check_regions(registration)
    identity = _identity(request)
    prefix = output_prefix(registration.output, SELFTEST_PREFIX)
    inputs = (
        registration.fixed,
        registration.moving,
        registration.fixed_mask,
        registration.moving_mask,
    )
    replace_files = may_replace(prefix, identity, registration.force, inputs, SELFTEST_ENDINGS)
    with atomic_output(prefix.parent, inputs, replace_files) as stage:
        pair = with_modalities(requested_pair(registration))
        init = requested_initializer(registration)
        test = run_selftest(pair, _registration(registration, init), settings, on_run)
        sources = dataclasses.replace(request_inputs(registration), init=init, run_id=identity)
        return test, write_selftest(test, prefix.name, stage, sources)


def _registration(request: RegisterRequest, init: str) -> SeededRegistration:
    """Return the registration of a request as a function of the pair and the method's seed."""
    from regkit.registration.pipeline import build_method

    def register_moved(pair: Pair, seed: int) -> RegistrationResult:
        settings = dataclasses.replace(request.settings, seed=seed)
        registrar = build_method(
            request.method, settings.parameters, current_registry(), settings.defaults
        )
        started, _ = requested_start(pair, init, request)
        return judged_registration(request, registrar, started)

    return register_moved


def _identity(request: SelfTestRequest) -> str:
    """Return a digest of the inputs and of all options; what cannot be built is refused here."""
    from regkit.registration.pipeline import build_method

    settings = request.registration.settings
    registrar = build_method(
        request.registration.method, settings.parameters, current_registry(), settings.defaults
    )
    own = {"runs": request.runs, "tolerance_mm": request.tolerance_mm}
    own |= {"max_mm": request.max_mm, "max_deg": request.max_deg}
    return run_id(request.registration, registrar, {"selftest": own})
