import json
import os
import random
import resource
import signal
import subprocess
import sys
import time

import pytest

from regkit.benchmark.records import RECORDS_FILE, RecordFile, new_record, read_records
from regkit.errors import BenchmarkError, OutputError

WRITER = """
import sys
from pathlib import Path
from regkit.benchmark.records import RecordFile, new_record
with RecordFile(Path(sys.argv[1])) as records:
    number = len(records.read())
    while True:
        records.append(new_record("d", f"case-{number}", "m", "ok", error="x" * (number % 5000)))
        print(number, flush=True)
        number += 1
"""


def record(number, status="ok", **facts):
    return new_record("d", f"case-{number}", "m", status, **facts)


def fill(folder, *records):
    with RecordFile(folder) as file:
        for one in records:
            file.append(one)


def test_what_was_appended_is_read(tmp_path):
    fill(tmp_path / "new", record(0, scores={"dt_mm": 1.5}), record(1))
    fill(tmp_path / "new", record(2, group="p2"))
    found = read_records(tmp_path / "new")
    assert [r["case"] for r in found] == ["case-0", "case-1", "case-2"]
    assert found[0]["scores"] == {"dt_mm": 1.5}
    assert [r["group"] for r in found] == ["case-0", "case-1", "p2"]


@pytest.mark.parametrize("kept", [1, 30, -1])
def test_a_torn_last_line_is_cut_off(tmp_path, kept):
    fill(tmp_path, record(0), record(1))
    whole = (tmp_path / RECORDS_FILE).read_bytes()
    first = whole.index(b"\n") + 1
    (tmp_path / RECORDS_FILE).write_bytes(whole[:first] + whole[first:][:kept])
    assert [r["case"] for r in read_records(tmp_path)] == ["case-0"]
    with RecordFile(tmp_path) as file:
        assert (tmp_path / RECORDS_FILE).read_bytes() == whole[:first] + whole[first:][:kept]
        file.append(record(1))
        file.append(record(2))
    assert [r["case"] for r in read_records(tmp_path)] == ["case-0", "case-1", "case-2"]


def test_a_record_of_an_older_version_has_all_keys(tmp_path):
    old = {"dataset": "d", "case": "c", "method": "m", "status": "failed"}
    (tmp_path / RECORDS_FILE).write_text(json.dumps(old) + "\n")
    assert read_records(tmp_path) == [new_record("d", "c", "m", "failed", group="c")]


@pytest.mark.parametrize(
    "wrong",
    [
        *({"scores": [1]}, {"scores": None}, {"scores": {"a": "b"}}, {"status": "fine"}),
        *({"case": 3}, {"method": ["m"]}, {"dataset": None}, {"group": {}}, {"runtime_s": "1"}),
        *({"timing_s": {"load": "x"}}, {"reasons": "no"}, {"transform": 3}, {"error": {}}),
    ],
)
def test_a_line_of_another_form_is_named(tmp_path, wrong):
    (tmp_path / RECORDS_FILE).write_text(json.dumps(record(0) | wrong) + "\n")
    with pytest.raises(BenchmarkError, match="line 1 is not a record of a benchmark"):
        read_records(tmp_path)


FOREIGN = {
    "an object without a line end": b'{"a": 1}',
    "lines of others": b'{"a": 1}\n{"b": 2}',
    "text": b"dear diary",
    "a binary file": bytes(range(256)),
    "deep": b"[" * 100_000 + b"\n",
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_a_file_of_others_stays_as_it_is(tmp_path, content):
    (tmp_path / RECORDS_FILE).write_bytes(content)
    with pytest.raises(BenchmarkError, match=r"records\.jsonl: .* not a record of a benchmark"):
        RecordFile(tmp_path)
    assert (tmp_path / RECORDS_FILE).read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == [RECORDS_FILE]


@pytest.mark.parametrize("make", ["link", "dangling link", "pipe"])
def test_records_are_not_written_through_links(tmp_path, make):
    target, folder = tmp_path / "precious", tmp_path / "run"
    folder.mkdir()
    if make == "pipe":
        os.mkfifo(folder / RECORDS_FILE)
    else:
        (folder / RECORDS_FILE).symlink_to(target)
    if make == "link":
        target.write_text("x")
    with pytest.raises(BenchmarkError, match="is a link or no file of its own"):
        RecordFile(folder)
    assert target.exists() == (make == "link")
    assert make != "link" or target.read_text() == "x"


def test_zeros_that_a_power_failure_leaves_are_cut_off(tmp_path):
    fill(tmp_path, record(0))
    with (tmp_path / RECORDS_FILE).open("ab") as stream:
        stream.write(b"\0" * 4096)
    fill(tmp_path, record(1))
    assert [r["case"] for r in read_records(tmp_path)] == ["case-0", "case-1"]


def test_a_damaged_line_in_the_middle_is_named(tmp_path):
    fill(tmp_path, record(0), record(1))
    lines = (tmp_path / RECORDS_FILE).read_text().splitlines()
    (tmp_path / RECORDS_FILE).write_text(f"{lines[0]}\n{lines[1][:20]}\n{lines[1]}\n")
    with pytest.raises(BenchmarkError, match=r"records.jsonl: line 2 is not a record"):
        read_records(tmp_path)


@pytest.mark.end_to_end
def test_a_writer_killed_again_and_again_loses_and_doubles_nothing(tmp_path):
    told = -1
    for seed in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        first = writer.stdout.readline()
        time.sleep(random.Random(seed).uniform(0, 0.05))
        writer.send_signal(signal.SIGKILL)
        numbers = [int(line) for line in [first, *writer.stdout.readlines()] if line.strip()]
        writer.wait()
        writer.stdout.close()
        assert numbers[0] >= told + 1
        told = numbers[-1]
    cases = [r["case"] for r in read_records(tmp_path)]
    assert cases == [f"case-{i}" for i in range(len(cases))]
    assert len(cases) >= told + 1 > 6


def test_a_full_disk_leaves_whole_lines_and_says_so(tmp_path):
    program = WRITER.replace("number % 5000", "2000")
    limit = 64 * 1024

    def limited():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        preexec_fn=limited,
        check=False,
    )
    assert "OutputError: cannot write to" in done.stderr
    assert "run the same command again to continue" in done.stderr
    content = (tmp_path / RECORDS_FILE).read_bytes()
    assert content.endswith(b"}\n")
    assert len(read_records(tmp_path)) == len(done.stdout.splitlines())


def test_two_runs_cannot_write_at_once(tmp_path):
    with (
        RecordFile(tmp_path),
        pytest.raises(BenchmarkError, match="another process is writing to"),
    ):
        RecordFile(tmp_path)
    fill(tmp_path, record(0))


def test_records_are_taken_out_all_at_once(tmp_path):
    fill(tmp_path, record(0), record(1, "failed"), record(2, "unavailable"), record(3))
    with RecordFile(tmp_path) as file:
        file.drop(lambda r: r["status"] != "ok")
        file.append(record(4))
        assert [r["case"] for r in file.read()] == ["case-0", "case-3", "case-4"]
        with pytest.raises(BenchmarkError, match="another process"):
            RecordFile(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [RECORDS_FILE]


def test_a_failed_record_learns_its_group_from_another_of_the_case(tmp_path):
    other = {**record(0, "failed"), "method": "dies"}
    fill(tmp_path, other, record(0, group="p0"), record(1, "failed"))
    assert [r["group"] for r in read_records(tmp_path)] == ["p0", "p0", "case-1"]


def test_a_number_that_json_does_not_know_is_refused(tmp_path):
    with RecordFile(tmp_path) as file, pytest.raises(ValueError, match="not JSON compliant"):
        file.append(record(0, runtime_s=float("nan")))
    assert (tmp_path / RECORDS_FILE).read_bytes() == b""


def test_a_folder_without_records_is_none(tmp_path):
    with pytest.raises(BenchmarkError, match=r"is not a benchmark folder: there is no records"):
        read_records(tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot make the folder .*file has that name"):
        RecordFile(tmp_path / "file")


def test_every_line_is_json_and_ends(tmp_path):
    fill(tmp_path, record(0, error="two\nlines and \u2028 more"))
    (line,) = (tmp_path / RECORDS_FILE).read_bytes().split(b"\n")[:-1]
    assert json.loads(line)["error"] == "two\nlines and \u2028 more"
