"""Levels of the log on stderr: ``-q``, ``-v`` and ``--log-level``."""

from __future__ import annotations

from typing import Any

from regkit.errors import short_message

LOG_LEVELS = ("error", "warning", "info", "debug")
DETAILED_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# Packages that log every step of their own at the levels of -v and -vv.
TALKATIVE = ("numba", "PIL", "matplotlib", "asyncio")


def chosen_level(quiet: bool, verbose: int, level: str) -> str:
    """Return the level that options ask for; ``--log-level`` is the most explicit.

    Parameters
    ----------
    quiet
        True for errors only.
    verbose
        Number of ``-v``.
    level
        Name of a level; empty for none.
    """
    if level:
        return level
    return "error" if quiet else LOG_LEVELS[min(1 + verbose, len(LOG_LEVELS) - 1)]


def set_log_level(level: str) -> None:
    """Write the messages of a level and above to stderr, with time and origin if detailed."""
    import logging

    number = getattr(logging, level.upper())
    logging.root.setLevel(number)
    if number < logging.WARNING:  # else Python prints the bare message
        logging.basicConfig(format=DETAILED_FORMAT, datefmt="%H:%M:%S")
        for name in TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
    for handler in (logging.lastResort, *logging.root.handlers):
        if handler is not None:
            handler.addFilter(_with_plain_message)


def _with_plain_message(record: Any) -> bool:
    """Clean the message of a record; keep every record."""
    record.msg, record.args = short_message(record.getMessage()), ()
    return True
