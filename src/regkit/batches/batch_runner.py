"""Run the rows of a batch in a worker process: read, register, judge, score, write."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from regkit.batches.batch_pair import BatchPair
from regkit.batches.batch_plan import BatchPlan
from regkit.batches.input_state import input_digest
from regkit.batches.pair_table import read_pair_table
from regkit.benchmark.memory import peak_mb, reset_peak
from regkit.benchmark.plan import Method
from regkit.benchmark.worker_plan import Facts
from regkit.datasets.case import Case
from regkit.errors import BenchmarkError, OutputError, failure_reason
from regkit.geometry.rigid import rigid_parameters
from regkit.geometry.transform import AffineTransform
from regkit.metrics.evaluation import Metric, evaluate
from regkit.registrar import Estimate
from regkit.registration.choice_text import used_methods
from regkit.registration.pipeline import build_method
from regkit.registration.run import RegistrationResult, plain_parameters
from regkit.registration.saved import Saved
from regkit.registry import default_registry
from regkit.report.description import linear_fit
from regkit.report.picture import unregistered
from regkit.report.record import Inputs, sha256_of, to_plain_data
from regkit.report.summary import correction

# DICOM headers of a pair of images, or of one image.
Headers = TypeVar("Headers")


@dataclass
class StageTimer:
    """Seconds of the stages of a row.

    Parameters
    ----------
    seconds
        Seconds by stage.
    since
        Time at which the current stage began, by `time.perf_counter`.
    """

    seconds: dict[str, float]
    since: float

    def lap(self, stage: str) -> None:
        """Add the time since the last stage to a stage."""
        now = time.perf_counter()
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + now - self.since, 4)
        self.since = now

    def divide(self, stage: str, part: str, part_s: float) -> None:
        """Count a part of a stage as a stage of its own."""
        self.seconds[part] = round(part_s, 4)
        self.seconds[stage] = round(self.seconds[stage] - self.seconds[part], 4)


class Registered(NamedTuple):
    """A result, and what its record tells as well.

    Parameters
    ----------
    result
        The result.
    inputs
        Sources of its images.
    compute_s
        Seconds to find it, without the verdict.
    colors
        Phrase on the colors of both images in the pictures; empty for one image.
    """

    result: RegistrationResult
    inputs: Inputs
    compute_s: float
    colors: str = ""


class BatchRunner(ABC, Generic[Headers]):
    """A loaded method and the rows of a batch.

    Parameters
    ----------
    plan
        The batch.
    method
        Its method.
    """

    def __init__(self, plan: BatchPlan, method: Method) -> None:
        self._plan = plan
        self._registry = default_registry(builtin_only=plan.builtin_only)
        defaults = {"seed": plan.seed, "device": plan.device, "threads": plan.threads or None}
        self._registrar = build_method(
            method.expression, method.parameters, self._registry, defaults
        )
        self._pairs = read_pair_table(Path(plan.pairs), plan.kind.layout)
        self._metrics = self._scores()

    @property
    def parameters(self) -> Facts:
        """Every parameter of the method, defaults included."""
        return dict(json.loads(json.dumps(to_plain_data(plain_parameters(self._registrar)))))

    @abstractmethod
    def _scores(self) -> dict[str, Metric]:
        """Return the metrics by the names of their scores."""

    @abstractmethod
    def _case(self, pair: BatchPair) -> Case:
        """Read the images of a row, and what it is scored by."""

    @abstractmethod
    def _registered(self, pair: BatchPair, case: Case, load_s: float) -> Registered:
        """Register and judge."""

    @abstractmethod
    def _headers(self, pair: BatchPair) -> Headers:
        """Read the DICOM headers of the images of a row, from which its output is derived."""

    @abstractmethod
    def _saved(
        self, pair: BatchPair, found: Registered, headers: Headers | None, folder: Path
    ) -> Saved:
        """Write the files of a row and its page, with the pictures for review."""

    def run(self, index: int, case_id: str, folder: str, stage: Callable[..., None]) -> Facts:
        """Register a row and write its files.

        Parameters
        ----------
        index
            Index of the row in the table.
        case_id
            Expected id of the row.
        folder
            Batch folder.
        stage
            Function called with the facts so far, after reading and after registering.

        Returns
        -------
        dict
            Facts for `regkit.benchmark.records.new_record`, and more; ``status`` among them.

        Raises
        ------
        OutputError
            The folder cannot be written, which is no failure of the method.
        """
        timer = StageTimer({}, time.perf_counter())
        facts: Facts = {"timing_s": timer.seconds}
        try:
            pair = self._pair(index, case_id)
            headers = self._headers(pair) if self._plan.dicom else None
            case = self._case(pair)
            timer.lap("load")
            stage(now="registering", group=case.group, timing_s=timer.seconds)
            reset_peak()
            found = self._registered(pair, case, timer.seconds["load"])
            timer.lap("verdict")
            timer.divide("verdict", "compute", found.compute_s)
            facts |= {"group": case.group, "peak_memory_mb": round(peak_mb(), 1)}
            stage(now="writing", **facts)
            described = self._described(case, found.result)
            timer.lap("score")
            saved = self._saved(pair, found, headers, Path(folder))
            timer.lap("save")
            return facts | described | self._written(pair, found, saved, Path(folder))
        except OutputError:
            raise
        except BaseException as error:  # a method may raise SystemExit as well
            # Without the verdict on a result that there is not.
            return facts | {"status": "failed", "error": failure_reason(error)}

    def _pair(self, index: int, case_id: str) -> BatchPair:
        pair = self._pairs[index]
        if pair.id != case_id:
            raise BenchmarkError(f"{self._plan.pairs} has {pair.id} in place of {case_id}")
        return pair

    def _described(self, case: Case, result: RegistrationResult) -> Facts:
        """Return the motion, the verdict and the scores of a result."""
        errors: dict[str, str] = {}

        def record_error(name: str, error: Exception) -> None:
            errors[name] = failure_reason(error)

        scores, at_first = evaluate(case, result, self._metrics, record_error), {}
        if self._plan.kind.has_before:
            before = replace(result, estimate=Estimate(unregistered(result.pair)))
            at_first = evaluate(case, before, self._metrics, record_error)
        error = result.verdict.error
        return {
            "used": used_methods(result.estimate.diagnostics),
            "verdict": result.verdict.status,
            "reasons": list(result.verdict.reasons),
            **(error.as_data() if error else {}),
            "scores": to_plain_data(scores),
            "scores_before": to_plain_data(at_first),
            "score_errors": errors,
            "device": result.device,
            "runtime_s": round(result.compute_s, 4),
            "modalities": [case.pair.fixed.modality, case.pair.moving.modality],
            **_motion(result),
        }

    def _written(self, pair: BatchPair, found: Registered, saved: Saved, folder: Path) -> Facts:
        """Return the last facts of the record of a row, whose files are written."""
        written = saved.record
        transform = folder / pair.folder_name / written["transform"]["file"]
        return {
            "status": "ok",
            "files": sorted(path.relative_to(folder).as_posix() for path in saved.files),
            "transform_sha256": sha256_of(transform),
            "inputs_sha256": input_digest(pair),
            "correction": correction(written),
            "facts": list(written.get("facts", ())),
            "colors": found.colors,
            "model": written["transform"]["model"],
            "start": {key: written["start"].get(key, "") for key in ("init", "assumption")},
            "date": written["date"],
            "versions": written["versions"],
        }


def _motion(result: RegistrationResult) -> Facts:
    """Return rotation, the motion of the moving image to its place, and the matrix."""
    centre = result.pair.fixed.grid.centre
    motion = rigid_parameters(linear_fit(result.transform, centre), centre)
    found = result.transform
    return {
        "rotation_deg": motion.rotation_deg,
        # The content of the moving image that belongs to the centre lies at centre + translation.
        "moving_shift_to_match_mm": [0.0 - component for component in motion.translation_mm],
        "transform": found.matrix.tolist() if isinstance(found, AffineTransform) else None,
    }
