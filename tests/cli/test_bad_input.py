"""Whatever is wrong with the input: one clear line, exit code 1, and no file left behind."""

import os
import re
import signal
import subprocess
import sys
import time
import types

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner

from phantoms import small_pair
from regkit import Grid, LabelMap, Volume
from regkit.__main__ import main
from regkit.cli import app
from regkit.io import write_volume


def nifti(path, array, affine=None):
    image = nibabel.Nifti1Image(np.asarray(array, dtype=np.float32), affine)
    nibabel.save(image, path)


def ramp(*shape):
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def nifti_with_spacing(path, spacing):
    """Write a NIfTI without qform and sform, so that its spacing is all it says."""
    nifti(path, ramp(4, 4, 4), np.eye(4))
    data = bytearray(path.read_bytes())
    data[80:92] = np.array([1, spacing, 1], "<f4").tobytes()  # pixdim 1 to 3
    data[252:256] = np.zeros(2, "<i2").tobytes()  # qform and sform codes
    path.write_bytes(data)


def singular_direction(path):
    affine = np.eye(4)
    affine[:3, 2] = affine[:3, 1]
    nifti(path, ramp(4, 4, 4), np.eye(4))
    data = bytearray(path.read_bytes())
    data[280:328] = affine[:3].astype("<f4").tobytes()  # srow x, y, z
    path.write_bytes(data)


def truncated(path):
    write_volume(small_pair().fixed, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


WRONG_IMAGES = {
    "empty": ("x.nii.gz", lambda p: p.write_bytes(b""), "empty"),
    "truncated gz": ("x.nii.gz", truncated, "truncated|cut short|incomplete"),
    "truncated nii": ("x.nii", truncated, "truncated|cut short|incomplete"),
    "truncated nrrd": ("x.nrrd", truncated, "truncated|cut short|incomplete|cannot read"),
    "truncated mha": ("x.mha", truncated, "truncated|cut short|incomplete|cannot read"),
    "not an image": ("x.nii.gz", lambda p: p.write_text("hello"), "content is text"),
    "wrong suffix": ("x.jpeg", lambda p: p.write_bytes(b"abc"), r"suffix|format|\.nii"),
    "2-D": ("x.nii.gz", lambda p: nifti(p, ramp(8, 8)), "2-D"),
    "4-D": ("x.nii.gz", lambda p: nifti(p, ramp(4, 4, 4, 3)), "4-D"),
    "NaN": ("x.nii.gz", lambda p: nifti(p, ramp(4, 4, 4) * np.nan), "64 voxels that are NaN"),
    "infinite": ("x.nii.gz", lambda p: nifti(p, ramp(4, 4, 4) / 0.0), "NaN or infinite"),
    "constant": ("x.nii.gz", lambda p: nifti(p, np.ones((4, 4, 4))), "constant"),
    "zero spacing": ("x.nii", lambda p: nifti_with_spacing(p, 0), "spacing"),
    "negative spacing": ("x.nii", lambda p: nifti_with_spacing(p, -1), "spacing"),
    "singular": ("x.nii", singular_direction, "singular"),
    "elsewhere": (
        "x.nii.gz",
        lambda p: write_volume(Volume(ramp(4, 4, 4), Grid((4, 4, 4), origin=(900, 0, 0))), p),
        "do not overlap in world coordinates: they are 7.. mm apart",
    ),
}


def assert_one_clear_line(result, words):
    assert result.exit_code == 1, result.output
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("regkit: ")
    assert "unexpected" not in lines[0]
    assert "Traceback" not in result.output
    assert re.search(words, lines[0]), lines[0]


@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
@pytest.mark.parametrize("case", WRONG_IMAGES)
@pytest.mark.parametrize("role", ["fixed", "moving"])
def test_wrong_images(run, pair_files, tmp_path, case, role):
    name, make, words = WRONG_IMAGES[case]
    make(tmp_path / name)
    good = pair_files[0]
    files = (tmp_path / name, good) if role == "fixed" else (good, tmp_path / name)
    before = sorted(tmp_path.rglob("*"))
    result = run("register", *files, "-m", "identity", "-o", tmp_path / "out" / "a")
    assert_one_clear_line(result, words)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_missing_file(run, pair_files, tmp_path):
    result = run("register", tmp_path / "pett.nii.gz", pair_files[1], "-o", tmp_path / "a")
    assert_one_clear_line(result, r"pett\.nii\.gz.*pet\.nii\.gz")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("-m", "mii"), "no method is called 'mii'; did you mean mi"),
        (("-m", "mi+"), "'mi\\+' is not a method"),
        (("--set", "bogus=1"), "no parameter 'bogus'"),
        (("--set", "bogus"), "'bogus' is not of the form key=value"),
        (("--set", "model=elastic"), r"model takes rigid \| similarity \| affine, got 'elastic'"),
        (("--parameters", "none.toml"), "cannot read the parameters in none.toml"),
        (
            ("--init", "none.tfm"),
            r"'none\.tfm': no such file, and no initializer or method of this name; available: ",
        ),
        (("--init", "center"), "'center': no such file.*; did you mean centre"),
        (
            ("--init", ""),
            "'': no such file, and no initializer or method .*; available: .*auto, centre",
        ),
        (("--init", "."), "no such file, and no initializer or method of this name"),
        (("--fixed-modality", "xray"), "unknown modality 'xray'"),
        (("--fixed-mask", "none.nii.gz"), r"none\.nii\.gz"),
        (
            ("-m", "mi", "--device", "cuda"),
            "mi runs on the CPU only, not on 'cuda'; .* GPU: .*iso",
        ),
        (("--device", "gpu"), "device takes auto, cpu, cuda or cuda:N, got 'gpu'"),
        (("--output", "~nobody-at-all/x"), "no home folder of that user is known"),
    ],
)
def test_wrong_options(run, pair_files, tmp_path, options, words):
    result = run("register", *pair_files, "-o", tmp_path / "out" / "a", *options)
    assert_one_clear_line(result, words)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("output", [("-o", ""), ("--output", " "), ("--output=",)])
@pytest.mark.parametrize(
    "words", [("register", "a", "b"), ("simulate", "x"), ("benchmark", "x"), ("resample", "a")]
)
def test_an_output_without_a_name_is_refused(run, tmp_path, monkeypatch, words, output):
    monkeypatch.chdir(tmp_path)
    result = run(*words, *output)
    assert result.exit_code == 2
    assert "the output has no name" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_mask_off_the_image(run, pair_files, tmp_path):
    mask = tmp_path / "mask.nii.gz"
    write_volume(
        LabelMap(np.ones((4, 4, 4), dtype=int), Grid((4, 4, 4), origin=(0, 0, 999))), mask
    )
    result = run("register", *pair_files, "-o", tmp_path / "out" / "a", "--moving-mask", mask)
    assert_one_clear_line(result, "the moving mask lies outside the moving image, 8.. mm away")


def test_an_output_folder_that_cannot_be(run, pair_files, tmp_path):
    result = run("register", *pair_files, "-m", "identity", "-o", pair_files[0] / "x" / "a")
    assert_one_clear_line(result, "cannot make the folder .*pet.nii.gz.*a file has that name")


def test_too_few_arguments_are_a_usage_error(run, pair_files):
    assert run("register", pair_files[0]).exit_code == 2
    assert run("register", *pair_files, "--nonsense").exit_code == 2


def test_a_bug_is_one_line_and_a_traceback_only_with_debug(run, pair_files, tmp_path, monkeypatch):
    def explode(*_):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("regkit.report.picture.picture", explode)
    result = run("register", *pair_files, "-m", "identity", "-o", tmp_path / "out" / "a")
    assert result.exit_code == 1
    assert result.stderr.strip() == (
        "regkit: unexpected ZeroDivisionError: oops (run again with --debug for details)"
    )
    assert not (tmp_path / "out").exists()
    result = run(
        "--debug", "register", *pair_files, "-m", "identity", "-o", tmp_path / "out" / "a"
    )
    assert repr(result.exception) == "ZeroDivisionError('oops')"


@pytest.mark.end_to_end
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_control_c_and_a_kill_leave_nothing_and_say_so(number, tmp_path):
    grid = Grid((128, 128, 128), (2.5, 2.5, 2.5), (-158.75, -158.75, -158.75))
    noise = np.random.default_rng(0)
    for name in ("a.mha", "b.mha"):
        write_volume(Volume(noise.random(grid.shape_zyx), grid), tmp_path / name)
    command = [sys.executable, "-m", "regkit", "register", "a.mha", "b.mha", "-m", "mi"]
    command += ["--fixed-modality", "mr", "--moving-modality", "mr", "-o", "out/a"]
    command += ["--set", "samples=1000000", "--set", "iterations=100000"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("out/.regkit-*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1.0)
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1, (out, err)
    assert err.strip() == "regkit: interrupted; no file is left half-written"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.mha", "b.mha"]


def test_control_c_while_the_command_line_is_read(run, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("typer.core.TyperGroup.make_context", interrupted)
    assert_one_clear_line(run("methods"), "interrupted; no file is left half-written")


def test_control_c_while_regkit_is_imported(monkeypatch):
    class Importing(types.ModuleType):
        def __getattr__(self, name):
            raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setitem(sys.modules, "regkit.cli", Importing("regkit.cli"))
    try:
        with pytest.raises(SystemExit, match=r"^regkit: interrupted$"):
            main()
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_name_that_the_file_system_refuses(run, pair_files):
    result = run(
        "register", *pair_files, "-m", "identity", "-o", pair_files[0].parent / ("x" * 300)
    )
    assert_one_clear_line(result, "xxx.*: File name too long")


@pytest.mark.parametrize("variable", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {}])
def test_errors_are_red_unless_colours_are_not_wanted(variable, monkeypatch):
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    result = CliRunner(env=variable).invoke(app, ["show", "nonsense"], color=True)
    assert ("\x1b[31m" in result.stderr) == (not variable)


@pytest.mark.parametrize(
    "arguments",
    [
        ["register", "", "ct.nii.gz"],
        ["register", "pet.nii.gz", " "],
        ["register", "-m", "mi", "", "ct.nii.gz"],
        ["register", "pet.nii.gz", "ct.nii.gz", "--fixed-mask", ""],
        ["resample", "", "--onto", "pet.nii.gz"],
    ],
)
def test_an_empty_name_is_not_the_current_folder(arguments, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "the name of a file is empty" in result.stderr
    result = CliRunner().invoke(app, ["register", "a", "b", "--fixed-modality", ""])
    assert "is empty" not in result.stderr
