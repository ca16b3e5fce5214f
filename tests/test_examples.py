"""Every example runs from any folder and answers its question."""

import runpy
from pathlib import Path

import pytest

pytestmark = pytest.mark.end_to_end

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name: str, monkeypatch, tmp_path: Path, capsys) -> str:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [name])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return capsys.readouterr().out


def test_register_two_files(monkeypatch, tmp_path, capsys) -> None:
    out = run("register_two_files.py", monkeypatch, tmp_path, capsys)
    assert out.startswith("OK")
    for name in ("fixed_to_moving.tfm", "moving_on_fixed.nii.gz", "look_at_me.png"):
        assert (tmp_path / name).stat().st_size > 0


def test_read_a_transform(monkeypatch, tmp_path, capsys) -> None:
    out = run("read_a_transform.py", monkeypatch, tmp_path, capsys)
    assert "shift of centre   [5.0, 0.0, 0.0] mm" in out
    assert "turned about z    10.0 degrees" in out
    assert "same through .lta True" in out


def test_compare_methods(monkeypatch, tmp_path, capsys) -> None:
    """What does nothing is worse than what looks at the images."""
    out = run("compare_methods.py", monkeypatch, tmp_path, capsys)
    errors = {row.split()[0]: float(row.split()[1]) for row in out.splitlines()[1:]}
    assert errors["mi"] < 3
    assert errors["mi"] < errors["moments"] < errors["identity"]


def test_chain_methods(monkeypatch, tmp_path, capsys) -> None:
    rows = run("chain_methods.py", monkeypatch, tmp_path, capsys).splitlines()
    error = {row.split()[0]: float(row.split("error")[1].split()[0]) for row in rows}
    assert rows[0].split()[1] == "FAIL"
    assert error["moments+mi"] < 3 < error["mi"]
    assert error["identity,moments+mi"] == pytest.approx(error["moments+mi"], abs=0.1)
    assert rows[2].endswith("result of moments+mi")


def test_every_example_has_its_test() -> None:
    tested = {name.removeprefix("test_") for name in globals() if name.startswith("test_")}
    assert {path.stem for path in EXAMPLES.glob("*.py")} <= tested
