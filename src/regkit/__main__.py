"""The command ``regkit``, and ``python -m regkit``."""

import gc
import signal
import sys
from types import FrameType


def main() -> None:
    """Run the command line; an interruption or a termination is reported as one line."""
    signal.signal(signal.SIGTERM, _terminate)
    gc.disable()  # imports make only what stays; long commands enable it again
    try:
        # Not at the top of the module: the import takes long enough to be interrupted.
        from regkit.cli import app  # noqa: PLC0415

        app()
    except KeyboardInterrupt:
        sys.exit("regkit: interrupted")
    finally:
        # Skips the garbage collection at exit, which takes a quarter of a second.
        gc.freeze()


def _terminate(number: int, frame: FrameType | None) -> None:
    """Do what Ctrl-C does, so that unfinished files are removed."""
    interrupt = signal.getsignal(signal.SIGINT)
    (interrupt if callable(interrupt) else signal.default_int_handler)(number, frame)


if __name__ == "__main__":
    main()
