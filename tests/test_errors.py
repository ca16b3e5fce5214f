"""What others say, made fit for one line of our own."""

import pytest

from regkit.errors import MAX_MESSAGE, RegkitError, error_in_one_line, one_line, short_message


def test_text_from_elsewhere_is_one_plain_line() -> None:
    text = "\x1b[31mred\x1b[0m\n \x07 ring\t\x00end \N{LATIN SMALL LETTER U WITH DIAERESIS}\n"
    assert one_line(text) == "red ring end \N{LATIN SMALL LETTER U WITH DIAERESIS}"


@pytest.mark.parametrize(
    "sequence",
    [
        *("\x1b]0;a title\x07", "\x1b]8;;http://x\x1b\\", "\x1b[2J", "\x1b[1;31m", "\x1bPq\x1b\\"),
        *("\x1bM", "\x9b31m", "\x1b", "\b\b", "\r", "\x7f", "\N{RIGHT-TO-LEFT OVERRIDE}"),
    ],
)
def test_nothing_that_moves_a_cursor_is_left(sequence: str) -> None:
    line = one_line(f"before{sequence}after")
    assert line.isprintable()
    assert line.startswith("before")
    assert line.endswith("after")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "Exception thrown in SimpleITK Read_Execute: /sitkR.cxx:97:\nsitk::ERROR: no file",
            "no file",
        ),
        ("itk::ERROR: TransformIO(0x5581abcdef00): no matrix", "TransformIO no matrix"),
        ("got <thing object at 0x7f1234567890>", "got <thing object>"),
        ("std::vector<double>: too long", "too long"),
        ("scale 0x10 at 12:30:45, a:b, c::", "scale 0x10 at 12:30:45, a:b, c::"),
    ],
)
def test_internals_of_libraries_are_left_out(text: str, line: str) -> None:
    assert one_line(text) == line


def test_an_error_of_regkit_is_clean_wherever_its_text_is_used() -> None:
    assert str(RegkitError("cannot read \x1b[2Ja.nii:\nitk::ERROR: no")) == "cannot read a.nii: no"


def test_a_long_message_keeps_its_remedy() -> None:
    text = short_message("cannot read " + "x" * 500 + "; give another file")
    assert len(text) <= MAX_MESSAGE == 300
    assert text.startswith("cannot read xxx")
    assert text.endswith("xxx; give another file")
    long = "/data/" + "study/" * 60
    assert short_message(f"{long}a/b.nii: no '{long}c.nii'") == ".../a/b.nii: no '.../study/c.nii'"
    assert len(error_in_one_line(ValueError("y " * 400))) <= MAX_MESSAGE


@pytest.mark.parametrize("part", ["a", "a.", "a::", "'/", "\x1b]", " at 0x", "a.cxx:1"])
def test_long_text_is_shortened(part: str) -> None:
    """A search whose time grows with the square of the length would not end here."""
    assert len(short_message("begin " + part * 200_000 + " end")) <= MAX_MESSAGE


def test_the_number_of_an_error_of_the_system_is_left_out() -> None:
    assert one_line(str(OSError(13, "Permission denied", "a"))) == "Permission denied: 'a'"
