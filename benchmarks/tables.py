"""Reproduce the tables of the papers on simulated patients.

    python benchmarks/tables.py [TABLE ...] -o DIR [--limit N] [-m a,b+c] [--workers N]
    python benchmarks/tables.py [TABLE ...] -o DIR --table

The tables and what the papers report are in benchmarks/published.toml. The first form simulates
each cohort once, into DIR/COHORT-cases, and runs on it what is installed of the papers' methods
and those of regkit beside them, with the harness of `regkit benchmark`: one benchmark folder,
DIR/COHORT, for all tables that judge the same pairs. So the same command goes on where it stopped,
and with more methods or a higher limit does only what is new. It prints the tables.

The second form runs nothing and writes them to benchmarks/results/tables.jsonl and tables.md, from
which benchmarks/readme.py takes them; a table of which nothing was run keeps what was measured
earlier, beside what published.toml says now.

A mean counts a failed case with the worst value that any method has on any case; SD is over cases.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from regkit.benchmark.case_source import DatasetRef
from regkit.benchmark.harness import BenchmarkProgress, run_benchmark
from regkit.benchmark.local_executor import run_local
from regkit.benchmark.plan import CONFIG_FILE, Method, Plan, parse_methods, read_plan
from regkit.benchmark.records import RECORDS_FILE, read_records
from regkit.benchmark.summary import directions_and_units
from regkit.datasets.export import Simulation
from regkit.datasets.folder import build_dataset
from regkit.errors import RegkitError
from regkit.io.atomic_output import atomic_output
from regkit.registry import Registry, default_registry
from regkit.statistics import summarize
from regkit.statistics.summary import MethodRow

HERE = Path(__file__).parent
SETTING = "setting.json"
SHOWN = ("mean", "sd", "low", "high")
PACKAGES = ("regkit-imaging", "numpy", "scipy", "SimpleITK", "antspyx", "torch")
# What of a row, and of a table, tells of a run.
MEASURED, RAN = ("status", "here", "cases", "failed"), ("ours", "cases", "patients", "conditions")
NOT_INSTALLED, NOT_RUN, NOTHING = "not installed", "not run", "-"


@dataclass(frozen=True)
class Cohort:
    """The patients of a table and the methods run on them besides the paper's."""

    dataset: str
    parameters: Mapping[str, Any]
    beside: Sequence[str]
    patients: str


@dataclass(frozen=True)
class Table:
    """A table of a paper, or of ours if it has no source; see published.toml."""

    title: str
    cohort: str
    columns: Sequence[Mapping[str, Any]]
    rows: Sequence[Mapping[str, Any]]
    source: str = ""
    theirs: str = ""
    tests: str = ""


def read_published(file: Path) -> tuple[dict[str, Cohort], dict[str, Table]]:
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    cohorts = {name: Cohort(**entry) for name, entry in content["cohorts"].items()}
    return cohorts, {name: Table(**entry) for name, entry in content["tables"].items()}


def is_installed(expression: str, registry: Registry) -> bool:
    usable = {offer.spec.name for offer in registry.methods if not offer.problem}
    return set(Method(expression, expression).names) <= usable


def methods_of(
    name: str, cohort: Cohort, tables: Iterable[Table], registry: Registry
) -> list[str]:
    """Return every expression for a cohort that can be run here."""
    rows = [row for table in tables if table.cohort == name for row in table.rows]
    theirs = [row["method"] for row in rows if "method" in row]
    wanted = dict.fromkeys([*theirs, *cohort.beside])
    return [expression for expression in wanted if is_installed(expression, registry)]


def simulate(cohort: Cohort, folder: Path, options: argparse.Namespace) -> None:
    """Write the missing cases: making them takes long, and every method reads them."""
    count = cohort.parameters["n"]
    count = min(count, options.limit or count)
    dataset = build_dataset(cohort.dataset, {**cohort.parameters, "n": count}, default_registry())
    Simulation(dataset, folder).run(options.workers, partial(print, folder.name, file=sys.stderr))


def measure(
    folder: Path, cases: Path, methods: Sequence[str], options: argparse.Namespace
) -> None:
    """Run the remaining tasks of a cohort and store its settings beside the records."""
    plan = Plan(
        DatasetRef(str(cases.resolve()), limit=options.limit),
        parse_methods(methods, default_registry()),
        threads=options.threads,
        device=options.device,
    )
    now = setting() | {"workers": options.workers}
    execute = partial(run_local, workers=options.workers)
    run_benchmark(
        plan, folder, execute, concurrency=options.workers, on_progress=partial(tell, folder.name)
    )
    with atomic_output(folder) as stage:
        stage.path(SETTING).write_text(json.dumps(now), encoding="utf-8")


def setting() -> dict[str, Any]:
    """Return the conditions that results and times depend on besides the plan."""
    return {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "versions": {"python": platform.python_version()} | dict(versions()),
    }


def versions() -> Iterable[tuple[str, str]]:
    for package in PACKAGES:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            continue


def tell(cohort: str, progress: BenchmarkProgress) -> None:
    latest = progress.latest
    what = f"{latest['method']}, {latest['case']}: {latest['status']}" if latest else "starting"
    print(f"{cohort} {progress.done}/{progress.total} {what}", file=sys.stderr, flush=True)


def tabulate(
    name: str, table: Table, cohort: Cohort, folder: Path, registry: Registry
) -> dict[str, Any]:
    """Return a table as plain data: published values and our results."""
    records = read_records(folder) if (folder / RECORDS_FILE).exists() else []
    found = summarize(records, None, *directions_and_units(registry))
    here: dict[str, dict[str, MethodRow]] = {}
    for score in found.scores:
        for row in score.methods:
            here.setdefault(row.method, {})[score.score] = row
    known = {row.get("method") for row in table.rows}
    beside = [{"method": expression} for expression in here if expression not in known]
    rows = [line(row, here.get(row.get("method", "")), table, registry) for row in table.rows]
    rows += [line(row, here[row["method"]], table, registry) for row in beside]
    return {
        "table": name,
        "title": table.title,
        "source": table.source,
        "theirs": table.theirs,
        "tests": table.tests,
        "ours": cohort.patients,
        "cases": found.datasets[0].cases if found.datasets else 0,
        "patients": found.datasets[0].patients if found.datasets else 0,
        "conditions": conditions(cohort, folder) if records else {},
        "columns": [dict(column) for column in table.columns],
        "rows": rows,
    }


def line(
    paper: Mapping[str, Any],
    here: Mapping[str, MethodRow] | None,
    table: Table,
    registry: Registry,
) -> dict[str, Any]:
    """Return a row: a method's published scores and ours, in the unit of the paper."""
    expression = paper.get("method", "")
    scores = {column["score"]: column.get("times", 1) for column in table.columns}
    measured = {name: (here or {}).get(name) for name in scores}
    return {
        "row": paper.get("row", ""),
        "method": expression,
        "status": "run" if here else absence(expression, registry),
        "published": {name: paper[name] for name in scores if name in paper},
        "here": {
            name: {key: in_unit(getattr(row, key), scores[name]) for key in SHOWN}
            for name, row in measured.items()
            if row is not None
        },
        "cases": max((row.cases for row in measured.values() if row), default=0),
        "failed": max((row.failed for row in measured.values() if row), default=0),
    }


def absence(expression: str, registry: Registry) -> str:
    """Return why a row has no results; a dash for a method that is the paper's alone."""
    if not expression:
        return NOTHING
    return NOT_RUN if is_installed(expression, registry) else NOT_INSTALLED


def in_unit(value: float | None, times: float) -> float | None:
    return None if value is None else value * times


def conditions(cohort: Cohort, folder: Path) -> dict[str, Any]:
    """Return the settings that determine the results of a folder."""
    plan = read_plan(folder / CONFIG_FILE)
    known = json.loads((folder / SETTING).read_text()) if (folder / SETTING).exists() else {}
    return {
        "dataset": cohort.dataset,
        "parameters": dict(cohort.parameters),
        "seeds": {"cohort": cohort.parameters.get("seed", 0), "methods": plan.seed},
        "device": plan.device,
        "threads": plan.threads,
        **known,
    }


def as_markdown(tables: Iterable[Mapping[str, Any]]) -> str:
    """Return tables as Markdown, with their conditions below the last one."""
    tables = list(tables)
    machines: dict[str, list[str]] = {}
    for table in tables:
        if table["conditions"]:
            machines.setdefault(machine_in_words(table["conditions"]), []).append(table["table"])
    notes = "".join(f"\n{', '.join(names)}: {words}\n" for words, names in machines.items())
    return "\n".join(map(table_in_words, tables)) + notes


def table_in_words(table: Mapping[str, Any]) -> str:
    columns = table["columns"]
    places = ("paper", "here") if table["source"] else ("here",)
    heads = [f"{column['title']}, {where}" for column in columns for where in places]
    head = f"| row | method | {' | '.join(heads)} | failed |\n"
    rule = "|---|---|" + "--:|" * (len(heads) + 1) + "\n"
    body = "".join(row_in_words(row, columns, places) for row in table["rows"])
    paper = f"Paper: {table['theirs']} ({table['source']}). " if table["source"] else ""
    tests = f" {table['tests']}" if table.get("tests") else ""
    caption = f"{paper}Here: {here_in_words(table)}.{tests}"
    return f"**{table['title']}**\n\n{head}{rule}{body}\n{caption}\n"


def here_in_words(table: Mapping[str, Any]) -> str:
    if not table["conditions"]:
        return "nothing was run"
    seeds = table["conditions"]["seeds"]
    split = table["conditions"]["parameters"].get("split", "only")
    return (
        f"{table['ours']}, the first {counted(table['cases'], 'case')} "
        f"({counted(table['patients'], 'patient')}) of the {split} split, "
        f"cohort seed {seeds['cohort']}, methods' seed {seeds['methods']}"
    )


def counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def row_in_words(
    row: Mapping[str, Any], columns: Sequence[Mapping[str, Any]], places: Sequence[str]
) -> str:
    cells = [row["row"] or NOTHING, f"`{row['method']}`" if row["method"] else NOTHING]
    for column in columns:
        name, digits = column["score"], column.get("digits", 2)
        there, here = row["published"].get(name), row["here"].get(name)
        if "paper" in places:
            cells.append(published(*there, digits=digits) if there else NOTHING)
        missing = NOTHING if row["status"] == "run" else row["status"]
        cells.append(number(here["mean"], here["sd"], digits=digits) if here else missing)
    failed = f"{row['failed']} of {row['cases']}" if row["status"] == "run" else NOTHING
    return "| " + " | ".join([*cells, failed]) + " |\n"


def published(mean: float, *spread: float, digits: int) -> str:
    """Return a mean, with its standard deviation or with the two bounds that a paper prints."""
    if len(spread) < 2:
        return number(mean, *spread, digits=digits)
    low, high = spread
    return f"{mean:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def number(mean: float | None, sd: float | None = None, *, digits: int) -> str:
    """Return mean ± SD where they are known; without a mean, every case failed."""
    if mean is None:
        return "failed"
    return f"{mean:.{digits}f}" + ("" if sd is None else f" ± {sd:.{digits}f}")


def machine_in_words(known: Mapping[str, Any]) -> str:
    packages = ", ".join(f"{name} {number}" for name, number in known.get("versions", {}).items())
    return (
        f"{known.get('machine', 'unknown machine')}, {known.get('cores', '?')} cores, "
        f"{counted(known.get('workers', 1), 'worker')} of {counted(known['threads'], 'thread')}, "
        f"device {known['device']}; {packages}."
    )


def keep(found: Iterable[Mapping[str, Any]], order: Sequence[str], results: Path) -> None:
    """Write tables into the result files; one of which nothing was run keeps what was measured."""
    file = results / "tables.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    tables = {table["table"]: table for table in map(json.loads, lines)}
    for table in found:
        name = table["table"]
        tables[name] = table if table["cases"] else as_measured(table, tables.get(name, table))
    ordered = [tables[name] for name in order if name in tables]
    with atomic_output(results) as stage:
        text = "".join(json.dumps(table, ensure_ascii=False) + "\n" for table in ordered)
        stage.path("tables.jsonl").write_text(text, encoding="utf-8")
        stage.path("tables.md").write_text(as_markdown(ordered), encoding="utf-8")


def as_measured(table: Mapping[str, Any], earlier: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table of which nothing was run with the measured values of an earlier one."""
    measured = {row["method"]: row for row in earlier["rows"] if row["method"]}
    rows = [
        {**row, **{key: measured.get(row["method"], row)[key] for key in MEASURED}}
        for row in table["rows"]
    ]
    known = {row["method"] for row in rows}
    rows += [row for method, row in measured.items() if method not in known]
    return {**table, **{key: earlier[key] for key in RAN}, "rows": rows}


def parse(words: Sequence[str] | None, names: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"{', '.join(names)}; or all")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--limit", type=int, default=0, help="only the first cases; 0: all")
    parser.add_argument("-m", "--methods", help="only these, as for `regkit benchmark`")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--table", action="store_true", help="run nothing, write the results")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    options = parser.parse_args(words)
    unknown = sorted(set(options.tables) - set(names))
    if unknown:
        parser.error(f"there is no table {unknown[0]}; choose from {', '.join(names)}")
    options.tables = [name for name in names if name in (options.tables or names)]
    return options


def main(words: Sequence[str] | None = None, published: Path = HERE / "published.toml") -> None:
    cohorts, tables = read_published(published)
    options = parse(words, list(tables))
    registry = default_registry()
    chosen = {name: tables[name] for name in options.tables}
    if not options.table:
        for name in dict.fromkeys(table.cohort for table in chosen.values()):
            methods = methods_of(name, cohorts[name], chosen.values(), registry)
            methods = [options.methods] if options.methods else methods
            folder, cases = options.output / name, options.output / f"{name}-cases"
            simulate(cohorts[name], cases, options)
            measure(folder, cases, methods, options)
    found = [
        tabulate(name, t, cohorts[t.cohort], options.output / t.cohort, registry)
        for name, t in chosen.items()
    ]
    if options.table:
        keep(found, list(tables), options.results)
    else:
        print(as_markdown(found))


if __name__ == "__main__":
    try:
        main()
    except RegkitError as error:
        sys.exit(f"tables: {error}")
    except KeyboardInterrupt:
        sys.exit("tables: interrupted; the same command goes on from here")
