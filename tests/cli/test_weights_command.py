"""``regkit weights`` and ``regkit train`` as a user types them."""

import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from regkit.cli import app
from regkit_msstunet.card import ReorientationCard
from regkit_msstunet.catalogue import reorienter_names
from regkit_transmorph.card import TransMorphCard
from regkit_transmorph.catalogue import variant_names
from small_training import TINY, write_cases


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("REGKIT_WEIGHTS", str(tmp_path / "home"))
    return tmp_path / "home"


def run(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


def choices() -> list[str]:
    changed = TINY | {"shape_zyx": "8,8,8", "spacing": "40.0,40.0,40.0"}
    return [word for key, value in changed.items() for word in ("--set", f"{key}={value}")]


@pytest.mark.training
def test_train_install_and_register(tmp_path, home) -> None:
    """From a dataset folder to a method that works by its name."""
    cases, out = write_cases(tmp_path / "cases"), tmp_path / "out"
    trained = run("train", "dvnet", "--data", cases, "-o", out, "--steps", 2, *choices())
    assert trained.exit_code == 0, trained.output
    assert run("weights", "verify", out / "dvnet.safetensors").exit_code == 0
    installed = run("weights", "install", out / "dvnet.safetensors")
    assert installed.stdout == f"dvnet: installed as {home / 'dvnet.safetensors'}\n"
    listed = json.loads(run("weights", "list", "--json").stdout)
    mine = next(row for row in listed if row["method"] == "dvnet")
    assert (mine["origin"], mine["file"]) == ("installed", str(home / "dvnet.safetensors"))
    shown = json.loads(run("weights", "show", "dvnet").stdout)
    digest = hashlib.sha256((home / "dvnet.safetensors").read_bytes()).hexdigest()
    assert shown["sha256"] == digest
    images = (cases / "0-pet.nii.gz", cases / "0-ct.nii.gz")
    found = run("register", *images, "-m", "dvnet", "-o", tmp_path / "result" / "a")
    assert found.exit_code in {0, 3}, found.output
    result = json.loads((tmp_path / "result" / "a.json").read_text())
    assert result["method"] == "dvnet"


def test_weights_whose_card_is_of_another_version_are_not_installed(tmp_path, home) -> None:
    shipped = Path(json.loads(run("weights", "list", "--json").stdout)[0]["file"])
    copy = tmp_path / shipped.name
    copy.write_bytes(shipped.read_bytes())
    card = json.loads(shipped.with_suffix(".json").read_text())
    card["switches"]["fold"] = 2  # a key of version 0.1
    copy.with_suffix(".json").write_text(json.dumps(card))
    refused = CliRunner().invoke(app, ["weights", "install", str(copy)])
    assert refused.exit_code == 1
    assert "space_to_depth" in refused.stderr
    assert not (home / copy.name).exists()


def test_methods_without_weights_say_how_to_get_them() -> None:
    listed = {m["name"]: m["problem"] for m in json.loads(run("methods", "--json").stdout)}
    for row in json.loads(run("weights", "list", "--json").stdout):
        assert listed[row["method"]] == row["problem"]
        if row["origin"] == "missing":
            assert row["problem"].startswith(f"weights missing: regkit train {row['method']} ")
    assert listed["identity"] == ""


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["weights", "show", "dvnte"], "no method with weights is called 'dvnte'; did you mean"),
        (["weights", "show", "mi"], "no method with weights is called 'mi'"),
        (["weights", "verify", "./nothing.safetensors"], "there are no weights ./nothing"),
        (["weights", "install", "weights.pt"], "weights are .safetensors files, got weights.pt"),
        (["train", "mi", "--data", "spect-ct", "-o", "out"], "not a learned method"),
        (["train", "dvnet", "--data", "spect-tc", "-o", "out"], "did you mean spect-ct"),
        (
            ["train", "dvnet", "--data", "spect-ct", "-o", "out", "--preset", "slow"],
            "no preset is called 'slow'; available: fast, paper",
        ),
        (
            ["train", "dvnet", "--data", "spect-ct", "-o", "out", "--device", "cuda:99"],
            "'cuda:99' cannot be used here",
        ),
    ],
)
def test_mistakes_are_one_line(tmp_path, monkeypatch, words, says) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*words)
    assert result.exit_code == 1
    assert says in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("dvnet", "reconstruction: the layers were never published"),
        ("dusfe", "after the paper's equations"),
        ("attention-reg", "contrastive pre-training was never published and is our own"),
        ("ms-st-unet", "reconstruction: there is no public code"),
        ("transmorph-cr", "after the authors' public code (Correlation_Ratio)"),
        ("gland", "our own network"),
    ],
)
def test_show_says_what_is_reconstructed(name, says) -> None:
    assert says in json.loads(run("weights", "show", name).stdout)["network_source"]


def test_the_source_of_every_network_is_known() -> None:
    """Of all shipped weights, and of all networks that a method can be trained with."""
    for row in json.loads(run("weights", "list", "--json").stdout):
        if row["file"]:
            assert "network_source" in json.loads(run("weights", "show", row["file"]).stdout)
    assert set(reorienter_names()) == ReorientationCard.network_sources.keys()
    assert set(variant_names()) == TransMorphCard.network_sources.keys()
