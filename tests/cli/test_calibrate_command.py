from typer.testing import CliRunner

from regkit.cli import app


def test_a_missing_dataset_ends_with_one_line(tmp_path):
    result = CliRunner().invoke(app, ["calibrate", "no-such", "-o", str(tmp_path / "out")])
    assert result.exit_code != 0
    assert "'no-such' is neither a dataset nor a dataset folder" in result.output
    assert not (tmp_path / "out").exists()
