"""Functions for worker processes, which import them from this module."""

import os
import time
from pathlib import Path

from regkit.parallel import THREAD_VARIABLES


def square(number: int) -> int:
    return number * number


def process_and_threads(_: int) -> tuple[int, str]:
    return os.getpid(), os.environ[THREAD_VARIABLES[0]]


def fail_at_three(number: int) -> int:
    if number == 3:
        raise ValueError("three is too many")
    return number


def sleep_long(folder: str) -> None:
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(120)
