"""Write ``methods.md``: a text on methods and results that a paper can start from."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from regkit.batches.batch_kind import REGISTRATION, REORIENTATION, BatchKind
from regkit.batches.batch_plan import BatchPlan
from regkit.batches.index_page import status_counts
from regkit.batches.result_table import Row
from regkit.benchmark.records import Record
from regkit.io.atomic_output import atomic_output
from regkit.registration.expression import method_names
from regkit.registration.result_measures import LEAST_TOLERANCE_MM
from regkit.registration.verdict_rules import BAD_CHECK, BAD_FAIL
from regkit.registry import Registry, default_registry
from regkit.statistics.number_text import counted
from regkit.statistics.safe_text import markdown_text
from regkit.version import installed_version

METHODS_FILE = "methods.md"
_MODALITY_NAMES = {"mu": "attenuation map", "us": "ultrasound"}


def write_methods_text(
    rows: Sequence[Row], plan: BatchPlan, records: Mapping[str, Record], folder: Path
) -> Path:
    """Write the text on the methods of a batch.

    Parameters
    ----------
    rows
        Results, as in ``batch.csv``.
    plan
        Settings of the batch.
    records
        Records by id.
    folder
        Batch folder.
    """
    registry = default_registry(builtin_only=plan.builtin_only)
    sections = [
        "# Methods text\n\nA start for a paper; check it against what you did.",
        f"## {plan.kind.noun.capitalize()}\n\n{_done(rows, plan, records, registry)}",
        f"## Quality control\n\n{_quality(rows, plan.kind)}",
        f"## Parameters\n\n{_parameters(plan, records)}",
        f"## Versions\n\n{_versions(records)}",
        f"## References\n\n{_references(plan, records, registry)}",
    ]
    with atomic_output(folder) as stage:
        stage.path(METHODS_FILE).write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    return folder / METHODS_FILE


def _done(
    rows: Sequence[Row], plan: BatchPlan, records: Mapping[str, Record], registry: Registry
) -> str:
    """Return the paragraph on the registrations or reorientations."""
    done = [record for record in records.values() if record["status"] == "ok"]
    were = "was" if len(rows) == len(done) == 1 else "were"
    of = f"{_amount(rows, done, plan.kind)}{_patients(done)}"
    modalities, dates = _modalities(done, plan.kind), _dates(done)
    how = f"by the method {plan.method}{_summaries(plan.method, registry)}"
    if plan.to:
        frame = registry.frame(plan.to).spec.summary
        return (
            f"{of}{modalities} {were} reoriented to the standard frame {plan.to} ({frame}) with "
            f"regkit {installed_version()}{dates}, {how}. The seed was {plan.seed}. Images were "
            "resampled in the standard frame by linear interpolation."
        )
    version = installed_version()
    text = f"{of} {were} registered with regkit {version}{modalities}{dates}, {how}. "
    used = _counted(done, "used")
    if used:
        listed = ", ".join(f"{name} for {count}" for name, count in used)
        text += f"It used {listed} of the pairs. "
    text += (
        f"{_models(done)}{_starts(done)}The seed was {plan.seed}. "
        "Moving images were resampled onto the grids of the fixed images by linear interpolation."
    )
    return text


def _amount(rows: Sequence[Row], done: Sequence[Record], kind: BatchKind) -> str:
    """Return the number of rows with a result, and of all if there are others."""
    some = f"{len(done)} of " if len(done) < len(rows) else ""
    rows_of_all = f"{len(rows)} {kind.item}s" if some else counted(len(rows), kind.item)
    return f"{some}{rows_of_all}{' of images' if kind is REGISTRATION else ''}"


def _counted(done: Sequence[Record], key: str) -> list[tuple[str, int]]:
    """Return the values of a key of records that are not empty, the most frequent first."""
    return Counter(record[key] for record in done if record.get(key)).most_common()


def _patients(done: Sequence[Record]) -> str:
    """Return the number of patients where some have several pairs."""
    groups = {record.get("group") or record["case"] for record in done}
    return f" of {len(groups)} patients" if len(groups) < len(done) else ""


def _dates(done: Sequence[Record]) -> str:
    days = sorted({str(record["date"])[:10] for record in done if record.get("date")})
    return f" on {' to '.join(dict.fromkeys((days[0], days[-1])))}" if days else ""


def _models(done: Sequence[Record]) -> str:
    """Return a sentence with the kinds of the transforms that were found."""
    found = _counted(done, "model")
    counts = (f"{name} ({count})" if len(found) > 1 else name for name, count in found)
    return f"The transforms found were {', '.join(counts)}. " if found else ""


def _starts(done: Sequence[Record]) -> str:
    """Return a sentence with what the registrations started from."""
    starts = Counter(_start(record["start"]) for record in done if record.get("start"))
    listed = ", ".join(f"{name} for {count}" for name, count in starts.most_common())
    return f"Registrations started from {listed} of the pairs. " if listed else ""


def _start(start: Mapping[str, str]) -> str:
    """Return the initializer of a registration, or what ``auto`` chose."""
    init, chosen = start["init"], start["assumption"].partition(":")[0]
    if init == "auto":
        return (
            "the positions in the image headers"
            if chosen == "headers"
            else f"'{markdown_text(chosen)}'"
        )
    return "a given transform" if Path(init).is_file() else f"'{markdown_text(init)}'"


def _quality(rows: Sequence[Row], kind: BatchKind) -> str:
    """Return the paragraph on verdicts, scores and the review."""
    text = f"{_limits(kind)} {_verdicts(rows, kind)}"
    text += _spread(rows, "expected_error_mm", "The expected error was", " mm")
    for name, words, unit in (("dice", "The Dice coefficient", ""), ("tre_mm", "The TRE", " mm")):
        before = name.replace("_mm", "") + "_before" + ("_mm" if name.endswith("_mm") else "")
        text += _spread(rows, before, f"{words} before {kind.noun} was", unit)
        text += _spread(rows, name, f"{words} after {kind.noun} was", unit)
    return (text + _reviewed(rows)).strip()


def _limits(kind: BatchKind) -> str:
    """Return the sentences on how results are judged."""
    if kind is REORIENTATION:
        return (
            "regkit judged every result by the organ in its labels. A result is FAIL or CHECK for "
            "measures beyond their limits, which the record of each image names; else it is OK."
        )
    tolerance = f"{LEAST_TOLERANCE_MM:g} mm, or the longest side of a voxel if that is longer"
    return (
        "regkit estimated the error of every result from its similarity and from independent "
        f"registrations. A result is FAIL if it is wrong by more than twice the tolerance "
        f"({tolerance}) with a probability above {BAD_FAIL:.0%}, CHECK if with one above "
        f"{BAD_CHECK:.0%}, or for other measures, which the record of each pair names; else it is "
        "OK."
    )


def _verdicts(rows: Sequence[Row], kind: BatchKind) -> str:
    """Return a sentence with the number of results by verdict."""
    counts = status_counts(rows)
    judged = ", ".join(f"{counts.get(name, 0)} {name}" for name in ("OK", "CHECK", "FAIL"))
    failed = f"{counted(counts.get('failed', 0), kind.item)} could not be {kind.done}"
    return f"The verdicts: {judged}; {failed}. "


def _reviewed(rows: Sequence[Row]) -> str:
    """Return a sentence with the marks of the review; empty if there was none."""
    marked = [row for row in rows if row["mark"]]
    if not marked:
        return ""
    marks = Counter(row["mark"] for row in marked)
    names = sorted({markdown_text(row["reviewer"]) for row in marked if row["reviewer"]})
    results = "1 result was" if len(marked) == 1 else f"{len(marked)} results were"
    return (
        f"{results} reviewed by eye{' by ' if names else ''}{' and '.join(names)}"
        f": {marks['pass']} passed, {marks['fail']} failed."
    )


def _spread(rows: Sequence[Row], column: str, words: str, unit: str) -> str:
    """Return a sentence with median and quartiles of a column; empty without values."""
    values = [row[column] for row in rows if row[column] is not None]
    if not values:
        return ""
    if len(values) == 1:
        return f"{words} {values[0]:.3g}{unit} (one result). "
    low, _, high = quantiles(values, n=4, method="inclusive")
    return (
        f"{words} {median(values):.3g}{unit} in the median (quartiles {low:.3g} to "
        f"{high:.3g}{unit}, {len(values)} results). "
    )


def _modalities(done: Sequence[Record], kind: BatchKind) -> str:
    """Return the modalities, fixed first, with the number of pairs if they differ."""
    pairs = Counter(tuple(record.get("modalities") or ("", "")) for record in done)
    named = {pair: count for pair, count in pairs.items() if all(pair)}
    words = [
        (f"{_modality(moving)} to " if kind is REGISTRATION else "")
        + _modality(fixed)
        + (f" ({count})" if len(pairs) > 1 else "")
        for (fixed, moving), count in named.items()
    ]
    return f" ({', '.join(words)})" if words else ""


def _modality(name: str) -> str:
    return _MODALITY_NAMES.get(name, name.upper())


def _summaries(expression: str, registry: Registry) -> str:
    parts = [registry.method(name).spec.summary for name in method_names(expression)]
    return f" ({'; '.join(filter(None, parts))})" if any(parts) else ""


def _parameters(plan: BatchPlan, records: Mapping[str, Record]) -> str:
    known = [record["parameters"] for record in records.values() if record.get("parameters")]
    values: dict[str, Any] = {
        **(known[0] if known else {}),
        "device": plan.device,
        "seed": plan.seed,
    }
    values |= {"witnesses": " ".join(plan.witnesses)} if plan.witnesses else {}
    flat = _of_stages(method_names(plan.method), values)
    lines = [f"| `{name}` | {_plain(value)} |" for name, value in flat.items()]
    return "\n".join(["| parameter | value |", "|---|---|", *lines])


def _of_stages(names: Sequence[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters with those of a chain as ``method.parameter``."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, list) and value and all(isinstance(part, dict) for part in value):
            known = len(names) == len(value)
            labels = names if known else [f"{name} {n}" for n in range(1, len(value) + 1)]
            for label, part in zip(labels, value, strict=True):
                flat |= {f"{label}.{key}": inner for key, inner in part.items()}
        elif name != "names":
            flat[name] = value
    return flat


def _plain(value: Any) -> str:
    return "default" if value is None else markdown_text(str(value))


def _versions(records: Mapping[str, Record]) -> str:
    """Return the versions that the records name, and the devices."""
    devices = sorted({str(r["device"]) for r in records.values() if r.get("device")})
    runs = Counter(
        ", ".join(f"{name} {number}" for name, number in record["versions"].items() if number)
        for record in records.values()
        if record.get("versions")
    )
    listed = [
        f"{numbers} ({n} results)" if len(runs) > 1 else numbers for numbers, n in runs.items()
    ]
    where = f" Device: {', '.join(map(markdown_text, devices))}." if devices else ""
    return f"{'; '.join([*listed, platform.system()])} {platform.machine()}.{where}"


def _references(plan: BatchPlan, records: Mapping[str, Record], registry: Registry) -> str:
    """Return the software and the papers of all methods that ran."""
    known = {offer.spec.name: offer.spec.reference for offer in registry.methods}
    used = [name for r in records.values() if r.get("used") for name in method_names(r["used"])]
    named = dict.fromkeys([*method_names(plan.method), *used])
    papers = dict.fromkeys(known[name] for name in named if known.get(name))
    software = f"The regkit developers. regkit {installed_version()} [computer software]."
    return "\n".join(f"- {entry}" for entry in [software, *papers])
