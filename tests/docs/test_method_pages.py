"""Pages of learned methods: their parts hold what cards and results hold; their commands run."""

import json
import re
import shlex
from pathlib import Path
from statistics import fmean

import pytest
from typer.testing import CliRunner

import pages
from regkit.cli import app
from regkit.registry import default_registry

pytestmark = pytest.mark.end_to_end

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
METHODS = pages.DOCS / "methods"
CARDS = {file.stem: file for file in ROOT.glob("plugins/*/shipped/*.json")}


@pytest.fixture(scope="module")
def parts():
    """Return a function that writes one generated part."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "docs" / "_ext"))
        import method_pages

        yield lambda name: method_pages.PAGES[f"method-{name}.md"]()


def records(name: str) -> list[dict]:
    return [json.loads(line) for line in (RESULTS / f"{name}.jsonl").read_text().splitlines()]


def cell(table: str, row: str, column: str) -> str:
    """Return a cell of the row that begins so."""
    lines = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("|")]
    (found,) = (line for line in lines if " | ".join(line).startswith(row))
    return found[lines[0].index(column)]


def page_of(method: str) -> Path:
    return METHODS / f"{'transmorph' if method.startswith('transmorph') else method}.md"


@pytest.mark.parametrize("method", sorted(CARDS))
def test_every_method_with_weights_has_a_whole_page(method: str) -> None:
    text = page_of(method).read_text(encoding="utf-8")
    for part in ("training", "scores"):
        assert f"_generated/method-{page_of(method).stem}-{part}.md" in text
    for title in (
        "learned from",
        "well (it|they) works?",
        "fails?",
        "[Tt]rain (it|them) on your own",
    ):
        assert re.search(rf"^## .*{title}", text, flags=re.MULTILINE), title
    assert f"regkit train {method}" in text or method == "transmorph-cr"


def test_every_method_that_comes_with_regkit_is_on_the_first_page() -> None:
    text = (METHODS / "index.md").read_text(encoding="utf-8")
    for offer in default_registry(builtin_only=True).methods:
        assert f"`{offer.spec.name}`" in text, offer.spec.name


def test_what_a_network_learned_from_is_on_its_card(parts) -> None:
    about = json.loads(CARDS["gland"].read_text())["about"]
    text = parts("gland-training")
    assert cell(text, "learned from", "`gland`") == about["data"]
    assert about["source"] in cell(text, "license", "`gland`")
    assert cell(text, "cases drawn", "`gland`") == "4,800"  # 1200 steps of 4
    # 9000, 7000 and 2600 steps of 8, as counted independently of this code.
    assert cell(parts("dusfe-training"), "cases drawn", "`dusfe`") == "148,800"


@pytest.mark.parametrize("name", ["dvnet", "gland", "ms-st-unet"])
def test_parameters_are_those_of_the_network(parts, name: str) -> None:
    from safetensors.torch import load_file

    tensors = load_file(CARDS[name].with_suffix(".safetensors"))
    count = sum(t.numel() for key, t in tensors.items() if "running_" not in key)
    assert cell(parts(f"{name}-training"), "parameters", f"`{name}`") == f"{count:,}"


def test_real_and_simulated_scores_stand_in_one_table(parts) -> None:
    text = parts("transmorph-scores")
    rows = [r for r in records("petct") if r["method"] == "transmorph-cr"]
    bodies = "whole bodies, test split of `pet-ct`, 0.75 of the published ranges"
    for dataset, row in {
        "sts": "**real** | thighs in PET and CT, each misplaced | 8 | Dice",
        "simulated": f"simulated | {bodies} | 50 | Dice",
    }.items():
        dice = fmean(r["scores"]["dice"] for r in rows if r["dataset"] == dataset)
        assert cell(text, row, "`transmorph-cr`") == f"{dice:.3f}"


def test_patients_that_a_method_makes_worse_are_counted(parts) -> None:
    dice = {(r["patient"], r["method"]): r["dice"] for r in records("mr_trus") if "dice" in r}
    lost = [dice[p, "identity"] - d for (p, method), d in dice.items() if method == "gland"]
    row = next(line for line in parts("gland-scores").splitlines() if "lower than" in line)
    assert row.split(" | ")[-1].strip("| ") == str(sum(loss > 0.02 for loss in lost))


def test_a_pair_that_was_run_again_counts_once_and_as_it_was_last(monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_ext"))
    import measured

    row = {"set": "mr-us", "method": "auto", "error": "", "pair": "p0"}
    rows = [row | {"miss": 4.0}, row | {"pair": "p1", "miss": 3.0}, row | {"miss": 1.0}]
    monkeypatch.setattr(measured, "records", lambda name: rows if name == "automatic" else [])
    (found,) = measured.measured()
    assert (found.value, found.cases) == (2.0, 2)


def test_a_perfect_answer_counts_in_the_median_of_errors(monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs" / "_ext"))
    import measured

    row = {"images": "thighs", "method": "gland"}
    rows = [row | {"error_mm": error} for error in (0.0, 2.0, 9.0, None)]
    monkeypatch.setattr(
        measured, "records", lambda name: rows if name == "domain_guard_real" else []
    )
    (found,) = measured.measured()
    assert (found.score, found.value, found.cases) == ("median error mm", 2.0, 3)


@pytest.mark.parametrize("name", ["msreg", "dvnet", "densenet-nonlocal", "ms-st-unet"])
def test_a_method_without_real_results_says_so(parts, name: str) -> None:
    assert "| **real** | not measured |" in parts(f"{name}-scores")
    assert re.search(r"not\s+(been\s+)?(measured|tried) on real", page_of(name).read_text())


@pytest.mark.parametrize("name", ["dusfe", "transmorph-cr", "attention-reg"])
def test_counts_of_the_guards_are_those_of_their_table(parts, name: str) -> None:
    measured = (RESULTS / "domain_guard.md").read_text()
    outside = cell(measured, "**all outside**", f"`{name}`")
    row = f"`{name}` | domain guard | simulated, changed"
    text = parts(f"{page_of(name).stem}-guards")
    assert cell(text, row, "told, or rejected") == outside


def training_commands() -> list[list[str]]:
    lesson = pages.DOCS / "tutorials" / "train-on-real-prostates.md"
    blocks = "\n".join(
        block["code"]
        for page in (*sorted(METHODS.glob("*.md")), lesson)
        for block in pages.BLOCK.finditer(page.read_text(encoding="utf-8"))
        if block["kind"] == "console"
    )
    return [words for words in pages.commands(blocks) if words[:2] == ["regkit", "train"]]


def card_commands() -> list[list[str]]:
    """Return all commands on cards; those with a start begin from the weights of today."""
    found = []
    for card in CARDS.values():
        about = json.loads(card.read_text())["about"]
        while about:
            words = shlex.split(about["command"].partition(" -o DIR")[0])
            if "--start" in words:
                words[words.index("--start") + 1] = words[2]
            found.append([*words, "-o", "trained/"])
            about = about.get("start")
    return found


def test_pages_tell_which_weights_began_from_others(parts) -> None:
    for page in ("dusfe", "transmorph", "ms-st-unet"):
        assert "the file that the line before has made" in parts(f"{page}-training")
    for page in ("densenet", "attention-reg", "gland"):
        assert "from random weights by this command" in parts(f"{page}-training")


def test_a_command_that_is_wrong_is_found_out(tmp_path, monkeypatch) -> None:
    for wrong in ("--set=no_such_setting=1", "--start=no-such-weights", "--no-such-option"):
        words = ["regkit", "train", "dusfe", "--data", "pairs.csv", "-o", "trained/", wrong]
        with pytest.raises(AssertionError):
            test_training_commands_are_understood_up_to_their_data(words, tmp_path, monkeypatch)


@pytest.mark.parametrize(
    "words", [*training_commands(), *card_commands()], ids=lambda words: " ".join(words[2:])
)
def test_training_commands_are_understood_up_to_their_data(words, tmp_path, monkeypatch) -> None:
    """Options, settings and initial weights are right: only the images are missing."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pairs.csv").write_text("id,fixed,moving\n")
    at = words.index("--data") + 1
    result = CliRunner().invoke(app, [*words[1:at], "pairs.csv", *words[at + 1 :]])
    assert result.exit_code != 0
    assert "pairs.csv" in result.output
