"""Run a batch: register many pairs, or reorient many images, and make a table and a page."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from regkit.arguments import checked
from regkit.batches.batch_kind import REGISTRATION, names_of_images
from regkit.batches.batch_pair import BatchPair
from regkit.batches.batch_plan import BatchPlan
from regkit.batches.index_page import write_index
from regkit.batches.input_state import changed_since, input_digest
from regkit.batches.leftovers import discard_outputs
from regkit.batches.methods_text import write_methods_text
from regkit.batches.pair_sources import PairSource, read_pairs
from regkit.batches.pair_table import PAIRS_FILE, write_pair_table
from regkit.batches.result_table import PENDING, Row, result_rows, write_result_table
from regkit.batches.review import (
    REVIEWED_FILE,
    Review,
    counted_reviews,
    joined_reviews,
    read_reviews,
    reviewed_digest,
    write_reviews,
)
from regkit.benchmark.executor import open_executor
from regkit.benchmark.harness import BenchmarkProgress
from regkit.benchmark.plan import BenchmarkTask
from regkit.benchmark.records import Record, RecordFile, existing_records, new_record
from regkit.benchmark.worker_plan import Executor
from regkit.errors import BenchmarkError, OutputError, ParameterError
from regkit.io.staging import discard_abandoned_below
from regkit.registration.calibration_card import calibrated_model
from regkit.registration.device import check_device_name
from regkit.registration.expression import MethodName
from regkit.registration.pipeline import build_method
from regkit.registry import DEFAULT_METHOD, default_registry
from regkit.report.record import read_record
from regkit.statistics.number_text import counted

# Seconds between two writings of the table and the page during a run; chosen by hand.
REFRESH_S = 20.0
OnProgress = Callable[[BenchmarkProgress], None]


@dataclass(frozen=True, eq=False)
class Batch:
    """Results of a batch.

    Parameters
    ----------
    folder
        Batch folder.
    rows
        Row of each pair or image, as in ``batch.csv``: text, numbers and lists of text by column,
        None for what is not known.
    item
        Word for what a row tells of: pair or image.
    """

    folder: Path
    rows: tuple[Row, ...]
    item: str = REGISTRATION.item

    @property
    def counts(self) -> dict[str, int]:
        """Number of rows by verdict: OK, CHECK, FAIL, and failed or pending ones."""
        found = Counter(row["verdict"] or row["status"] for row in self.rows)
        names = ("OK", "CHECK", "FAIL", "failed", PENDING)
        return {name: found[name] for name in names if found[name] or name != PENDING}

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {name}" for name, count in self.counts.items())
        rows = counted(len(self.rows), self.item)
        return f"<Batch of {rows}: {counts}; {self.folder / 'index.html'}>"


@checked
def batch(
    pairs: PairSource,
    method: MethodName | None = None,
    folder: Path | str = "batch",
    *,
    to: str = "",
    pair: str | None = None,
    image: str | None = None,
    workers: int = 1,
    dask: str | None = None,
    reviewed: Path | str | None = None,
    init: str = "",
    witnesses: Sequence[str] = (),
    calibration: Path | str | None = None,
    warped: bool = True,
    dicom: bool = False,
    seed: int = 0,
    device: str = "auto",
    threads: int = 1,
    retry_failed: bool = False,
    force: bool = False,
    on_progress: OnProgress = lambda _: None,
    **parameters: Any,
) -> Batch:
    """Register many pairs of image files in worker processes, and tabulate the results.

    The same call continues an interrupted batch. A pair that fails is a row with its error.

    Parameters
    ----------
    pairs
        Tables, folders of patients, BIDS or dataset folders; or rows: values by column.
    method, **parameters
        Expression of method names, and parameters, as for `register`; None for the default.
    folder
        Batch folder.
    to
        Standard frame to which single images are reoriented, like ``short-axis``; empty for none.
    pair, image
        Images of a folder of patients, like ``pet,ct``; with `to` one image, like ``spect``.
    workers, dask
        Number of processes in parallel; address or scheduler file of a dask cluster.
    reviewed
        CSV of marks that the page exported; None for those of the folder.
    init, witnesses, calibration, warped, dicom, seed, device, threads
        Settings, as of `regkit.batches.batch_plan.BatchPlan`.
    retry_failed, force
        Permission to register failed pairs again, and to replace results of other settings.
    on_progress
        Function called at first and after every pair.
    """
    card = "" if calibration is None else str(Path(calibration).resolve())
    given = (init, tuple(witnesses), card, warped, dicom, seed, device, threads)
    plan = BatchPlan("", method or default_method(to), parameters, *given, to=to)
    found = read_pairs(pairs, names_of_images(plan.kind, pair, image), plan.kind)
    reviews = None if reviewed is None else read_reviews(Path(reviewed))
    again: dict[str, Any] = {"retry_failed": retry_failed, "force": force}
    with open_executor(workers, dask) as (execute, concurrency):
        work = plan, found, Path(folder), execute, concurrency
        return run_batch(*work, reviews=reviews, **again, on_progress=on_progress)


def run_batch(
    plan: BatchPlan,
    pairs: Sequence[BatchPair],
    folder: Path,
    execute: Executor,
    concurrency: int = 1,
    *,
    reviews: dict[str, Review] | None = None,
    retry_failed: bool = False,
    force: bool = False,
    on_progress: OnProgress = lambda _: None,
) -> Batch:
    """Register the pairs of a batch that have no result yet; write the table and the pages.

    Parameters
    ----------
    plan
        Settings; its table of pairs is written into the folder.
    pairs
        All pairs.
    folder
        Batch folder.
    execute
        Executor of the tasks.
    concurrency
        Number of tasks that the executor runs at the same time.
    reviews
        Marks to join with those of the folder, by id; None for none.
    retry_failed, force, on_progress
        Parameters of `batch`.
    """
    check_device_name(plan.device)
    calibrated_model(plan.calibration or None)
    _check_method(plan)
    plan = replace(plan, pairs=str((folder / PAIRS_FILE).absolute()))
    work = _Work(plan, pairs, folder, reviews or {})
    if not force:  # before anything is written
        work.refuse_others(existing_records(folder))
    with RecordFile(folder) as stored:
        work.take(stored, retry_failed=retry_failed)
        discard_abandoned_below(folder)
        write_pair_table(pairs, folder / PAIRS_FILE, plan.kind.layout)
        try:
            work.run(stored, execute, concurrency, on_progress)
        finally:
            work.drop_replaced(stored)
            result = work.write()
    return result


def default_method(to: str, *, builtin_only: bool = False) -> str:
    """Return the method of a batch that names none.

    Parameters
    ----------
    to
        Standard frame of images to reorient; empty for pairs to register.
    builtin_only
        True to leave out the plugins of other packages.
    """
    if not to:
        return DEFAULT_METHOD
    return default_registry(builtin_only=builtin_only).frame(to).spec.method


def _check_method(plan: BatchPlan) -> None:
    """Refuse a method that cannot be built, before any process starts, and idle settings."""
    registry = default_registry(builtin_only=plan.builtin_only)
    if plan.to:
        registry.frame(plan.to).load()
        if plan.idle:
            raise ParameterError(
                f"{', '.join(plan.idle)}: not for images that are reoriented; leave it out"
            )
    defaults = {"seed": plan.seed, "device": plan.device}
    build_method(plan.method, plan.parameters, registry, defaults)


class _Work:
    """A batch at work: its records, and what they are written to."""

    def __init__(
        self,
        plan: BatchPlan,
        pairs: Sequence[BatchPair],
        folder: Path,
        reviews: dict[str, Review],
    ) -> None:
        self._plan, self._pairs, self._folder, self._reviews = plan, pairs, folder, reviews
        self._digests = {pair.id: pair.digest(plan.settings) for pair in pairs}
        self._by_id = {pair.id: pair for pair in pairs}
        self._records: dict[str, Record] = {}
        self._earlier: dict[str, Record] = {}
        self._written_at = 0.0

    def take(self, stored: RecordFile, *, retry_failed: bool) -> None:
        """Take over the records that still hold; others stay until there is a new one."""
        self._earlier = {record["case"]: record for record in stored.read()}
        for pair in self._pairs:
            record = self._earlier.get(pair.id)
            if record is not None and self._holds(pair, record, retry_failed=retry_failed):
                self._records[pair.id] = record

    def run(
        self, stored: RecordFile, execute: Executor, concurrency: int, on_progress: OnProgress
    ) -> None:
        """Register what is missing; the record of each pair is stored as soon as it is known."""
        total, method = len(self._pairs), self._plan.method
        tasks = [
            BenchmarkTask(index, pair.id, method)
            for index, pair in enumerate(self._pairs)
            if pair.id not in self._records and not pair.problem
        ]
        progress = BenchmarkProgress(
            total, total - len(tasks), max(1, concurrency), {method: len(tasks)}
        )
        for pair in self._pairs:
            if pair.problem and pair.id not in self._records:
                record = new_record("", pair.id, method, "failed", error=pair.problem)
                self._keep(record, stored)
        on_progress(progress)
        if not tasks:
            return
        results = execute(self._plan, "", str(self._folder.resolve()), tasks)
        try:
            for record in results:
                self._keep(record, stored)
                progress.advance(record)
                on_progress(progress)
                if time.monotonic() - self._written_at > REFRESH_S:
                    self.write()
        finally:
            results.close()  # type: ignore[attr-defined] # ends the running tasks

    def drop_replaced(self, stored: RecordFile) -> None:
        """Drop all but the last record of each pair."""
        last = {record["case"]: record for record in stored.read()}
        stored.drop(lambda record: record != last[record["case"]])

    def write(self) -> Batch:
        """Write the table, the page and the text on the methods."""
        results = {
            pair.id: reviewed_digest(self._records.get(pair.id, {})) for pair in self._pairs
        }
        reviews = joined_reviews(self._stored_reviews(), self._reviews, results)
        file = self._folder / REVIEWED_FILE
        if reviews or file.is_file():
            write_reviews(reviews, file)
        reviews = counted_reviews(reviews, results)
        rows = result_rows(self._pairs, self._records, reviews)
        write_result_table(rows, self._folder)
        write_index(rows, self._plan, self._records, reviews, self._folder)
        write_methods_text(rows, self._plan, self._records, self._folder)
        self._written_at = time.monotonic()
        return Batch(self._folder, tuple(rows), self._plan.kind.item)

    def _stored_reviews(self) -> dict[str, Review]:
        file = self._folder / REVIEWED_FILE
        return read_reviews(file) if file.is_file() else {}

    def _keep(self, record: Record, stored: RecordFile) -> None:
        digest = self._digests[record["case"]]
        record = {**record, "run_id": digest, "settings": self._plan.settings}
        stored.append(record)
        self._records[record["case"]] = record
        earlier = self._earlier.get(record["case"], {}).get("files") or ()
        discard_outputs(self._folder, self._by_id[record["case"]], earlier, record)

    def refuse_others(self, records: Sequence[Record]) -> None:
        """Refuse a folder with results of other settings, or of no batch."""
        earlier = {record["case"]: record for record in records}
        present = [earlier[pair.id] for pair in self._pairs if pair.id in earlier]
        # Those of pairs that are gone count where there are no others.
        for record in present or earlier.values():
            other = _difference(record.get("settings") or {}, self._plan.settings)
            if other:
                raise BenchmarkError(
                    f"{self._folder} holds a batch of other settings ({other}); choose another "
                    "-o, or replace it with --force"
                )
        for pair in self._pairs:
            file = self._folder / pair.folder_name / f"{self._plan.kind.prefix}.json"
            known = {self._digests[pair.id], earlier.get(pair.id, {}).get("run_id")} - {None}
            if file.exists() and read_record(file).get("run_id") not in known:
                raise OutputError(
                    f"{file} exists, and this batch did not write it; choose another -o, or "
                    "replace it with --force"
                )

    def _holds(self, pair: BatchPair, record: Record, *, retry_failed: bool) -> bool:
        """Return whether a record is that of these settings and files, and is not to be redone."""
        if record.get("run_id") != self._digests[pair.id]:
            return False
        if record["status"] != "ok":
            return not retry_failed
        files = [self._folder / file for file in record["files"]]
        if not all(file.exists() for file in files):  # a folder holds a DICOM series
            return False
        oldest = min(file.stat().st_mtime for file in files)
        return not changed_since(pair, oldest) or input_digest(pair) == record["inputs_sha256"]


def _difference(there: dict[str, Any], now: dict[str, Any]) -> str:
    """Return the settings in which two batches differ, in words."""
    keys = [key for key in now if there.get(key, now[key]) != now[key]]
    return ", ".join(
        f"{key}: {there[key] or 'none'} there, {now[key] or 'none'} now" for key in keys
    )
