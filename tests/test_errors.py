"""What others say, made fit for one line of our own."""

from regkit.errors import one_line


def test_text_from_elsewhere_is_one_plain_line() -> None:
    text = "\x1b[31mred\x1b[0m\n \x07 ring\t\x00end \N{LATIN SMALL LETTER U WITH DIAERESIS}\n"
    assert one_line(text) == "red ring end \N{LATIN SMALL LETTER U WITH DIAERESIS}"
