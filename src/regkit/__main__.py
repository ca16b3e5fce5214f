"""Starts the command line, so that it can be stopped from its first moment."""

import gc
import signal
import sys
from types import FrameType


def main() -> None:
    """Run the command line; being interrupted or terminated is an error of one line."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        # Not at the top: the import takes long enough to be interrupted.
        from regkit.cli import app  # noqa: PLC0415

        app()
    except KeyboardInterrupt:
        sys.exit("regkit: interrupted")
    finally:
        # Python would search everything for garbage before it ends: a quarter of a second.
        gc.freeze()


def _terminate(number: int, frame: FrameType | None) -> None:
    """Do as Ctrl-C does at this moment, so that what was begun is cleaned up."""
    interrupt = signal.getsignal(signal.SIGINT)
    (interrupt if callable(interrupt) else signal.default_int_handler)(number, frame)


if __name__ == "__main__":
    main()
