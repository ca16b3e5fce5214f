"""Read cases, and judge and score what methods find, in a process in which no method has run."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from regkit.benchmark.handover import hand_pair, read_estimate
from regkit.benchmark.plan import BenchmarkTask, Plan
from regkit.benchmark.stage_timing import timed
from regkit.benchmark.worker_plan import Facts
from regkit.datasets.case import Case
from regkit.errors import OutputError, error_in_one_line, failure_reason
from regkit.geometry.transform import AffineTransform
from regkit.io.atomic_output import atomic_output
from regkit.io.transforms import write_transform
from regkit.metrics.evaluation import Metric, evaluate
from regkit.registrar import Estimate, Judgement, Pair
from regkit.registration.calibration_card import calibrated_model
from regkit.registration.choice_text import used_methods
from regkit.registration.result_measures import tolerance_mm
from regkit.registration.run import RegistrationResult, run
from regkit.registry import Registry, default_registry, leave_out_plugins

TRANSFORMS_FOLDER = "transforms"


class CaseScorer:
    """The cases of a benchmark, and the metrics that score what methods found.

    Parameters
    ----------
    plan
        The benchmark.
    """

    def __init__(self, plan: Plan) -> None:
        registry = default_registry(builtin_only=plan.builtin_only)
        self._plan = plan
        self._cases = plan.dataset.open(registry)
        self._calibration = calibrated_model(plan.calibration or None)
        self._metrics = _metrics(registry)
        self._case: tuple[int, Case] | None = None  # the last one, with its index

    @property
    def parameters(self) -> Facts:
        """No parameters."""
        return {}

    def prepare(self, task: BenchmarkTask, handed: str) -> Facts:
        """Read a case, once for the method and for its scores; hand its pair to the method.

        Parameters
        ----------
        task
            The case and the method.
        handed
            Folder that the method reads the pair from.

        Returns
        -------
        dict
            Facts for `regkit.benchmark.records.new_record`, ``status`` among them.

        Raises
        ------
        OutputError
            The folder cannot be written, which is no failure of the method.
        """
        timing: dict[str, float] = {}
        try:
            with timed(timing, "load"):
                case = self._case_of(task)
                hand_pair(case.pair, Path(handed))
        except OutputError:
            raise
        except Exception as error:
            return {"status": "failed", "error": failure_reason(error), "timing_s": timing}
        return {"status": "ok", "group": case.group, "timing_s": timing}

    def _case_of(self, task: BenchmarkTask) -> Case:
        if self._case is None or (self._case[0], self._case[1].id) != (task.index, task.case):
            self._case = None  # before the next one takes memory
            self._case = task.index, self._cases.case_of(task.index, task.case)
        return self._case[1]

    def score(
        self, task: BenchmarkTask, folder: str, found: Mapping[str, Any], handed: str
    ) -> Facts:
        """Judge and score an estimate, and write a transform that is not linear.

        Parameters
        ----------
        task
            The case and the method, which is not loaded.
        folder
            Benchmark folder.
        found
            Result of `regkit.benchmark.handover.write_estimate`.
        handed
            Folder that it wrote to.

        Returns
        -------
        dict
            Facts for `regkit.benchmark.records.new_record`, ``status`` among them.

        Raises
        ------
        OutputError
            The benchmark folder cannot be written, which is no failure of the method.
        """
        timing: dict[str, float] = {}
        try:
            with timed(timing, "load"):
                case = self._case_of(task)
            with timed(timing, "score"):
                estimate, own = read_estimate(found, Path(handed))
                facts = self._judged_and_scored(case, estimate, own, task.method)
            with timed(timing, "save"):
                stored = stored_transform(estimate, Path(folder), task.method, case.id)
            return facts | {"group": case.group, "transform": stored, "timing_s": timing}
        except OutputError:
            raise
        except Exception as error:
            return {"status": "failed", "error": failure_reason(error), "timing_s": timing}

    def _judged_and_scored(
        self, case: Case, estimate: Estimate, own: Judgement | None, label: str
    ) -> Facts:
        with leave_out_plugins(self._plan.builtin_only):
            judge = None if own is None else _ReportedJudge(own)
            result = run(
                *(_Found(estimate), case.pair, label),
                calibration=self._calibration,
                judged_by=judge,
            )
        errors: dict[str, str] = {}

        def record_error(name: str, error: Exception) -> None:
            errors[name] = error_in_one_line(error)

        scores = evaluate(case, result, self._metrics, record_error, self._plan.device)
        return _facts(case, result) | {
            "scores": {k: v if math.isfinite(v) else None for k, v in scores.items()},
            "score_errors": errors,
        }


class _Found:
    """A registrar that returns what another process found."""

    def __init__(self, estimate: Estimate) -> None:
        self._estimate = estimate

    def register(self, _pair: Pair) -> Estimate:
        return self._estimate


class _ReportedJudge:
    """The judge of a method, whose answer its own process gave."""

    def __init__(self, judgement: Judgement) -> None:
        self._judgement = judgement

    def judge(self, _pair: Pair, _estimate: Estimate) -> Judgement:
        return self._judgement


def _facts(case: Case, result: RegistrationResult) -> Facts:
    error = result.verdict.error
    return {
        "status": "ok",
        "used": used_methods(result.estimate.diagnostics),
        "verdict": result.verdict.status,
        "reasons": list(result.verdict.reasons),
        "tolerance_mm": tolerance_mm(case.pair),
        **(error.as_data() if error else {}),
        "device": result.device,
    }


def _metrics(registry: Registry) -> dict[str, Metric]:
    usable = (offer for offer in registry.metrics if not offer.problem)
    return {offer.spec.name: offer.load() for offer in usable}


def stored_transform(estimate: Estimate, folder: Path, label: str, case_id: str) -> Any:
    """Return a linear transform as rows of numbers, or the file that holds another one."""
    if isinstance(estimate.transform, AffineTransform):
        return [list(row) for row in estimate.transform.matrix.tolist()]
    subfolder = Path(TRANSFORMS_FOLDER) / _file_name(label)
    name = f"{_file_name(case_id)}.h5"
    with atomic_output(folder / subfolder) as stage:
        write_transform(estimate.transform, stage.path(name))
    return (subfolder / name).as_posix()


def _file_name(text: str) -> str:
    """Return a file name for a text; different texts give different names."""
    safe = re.sub(r"[^A-Za-z0-9._+-]", "_", text)
    if safe == text and not text.startswith("."):
        return text
    return f"{safe.lstrip('.')}-{sha256(text.encode()).hexdigest()[:8]}"
