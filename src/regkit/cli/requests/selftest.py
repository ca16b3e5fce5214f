"""A self-test of a method on two image files: read, run from known motions, write."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from regkit.cli.context import settings as cli_settings
from regkit.cli.requests.output_prefix import output_prefix
from regkit.cli.requests.registration import RegisterRequest
from regkit.cli.requests.rerun import may_replace, run_id

if TYPE_CHECKING:
    from regkit.benchmark.selftest import SeededRegistration
    from regkit.benchmark.selftest_result import SelfTest
    from regkit.registrar import Pair
    from regkit.registration.request import RegistrationRequest
    from regkit.registration.run import RegistrationResult
    from regkit.registration.saved import Saved

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

    @property
    def own(self) -> dict[str, float | None]:
        """Options of the self-test itself, by name."""
        names = ("runs", "tolerance_mm", "max_mm", "max_deg")
        return {name: getattr(self, name) for name in names}


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
    from regkit.registration.register import requested_method
    from regkit.registration.request import Origin, requested_pair
    from regkit.report.request_record import inputs_of
    from regkit.report.selftest_record import SELFTEST_ENDINGS, write_selftest

    asked = request.registration.registration
    settings = SelfTestSettings(
        request.runs, request.tolerance_mm, request.max_mm, request.max_deg, asked.seed
    )
    # What cannot be built is refused here.
    identity = run_id(asked, requested_method(asked), {"selftest": request.own})
    prefix = output_prefix(request.registration.output, SELFTEST_PREFIX)
    inputs = tuple(asked.files.values())
    replace_files = may_replace(
        prefix, identity, request.registration.force, inputs, SELFTEST_ENDINGS
    )
    with atomic_output(prefix.parent, inputs, replace_files) as stage:
        pair = with_modalities(requested_pair(asked))
        test = run_selftest(pair, _registration(asked), settings, on_run)
        origin = Origin(asked, asked.initializer)
        sources = inputs_of(origin, identity, request.own, **cli_settings.told)
        return test, write_selftest(test, prefix.name, stage, sources)


def _registration(asked: RegistrationRequest) -> SeededRegistration:
    """Return a registration as a function of the pair and the method's seed."""
    from regkit.registration.register import judged_registration, requested_method
    from regkit.registration.request import requested_start

    def register_moved(pair: Pair, seed: int) -> RegistrationResult:
        seeded = dataclasses.replace(asked, seed=seed)
        started, _ = requested_start(pair, asked.initializer, asked)
        return judged_registration(asked, requested_method(seeded), started)

    return register_moved
