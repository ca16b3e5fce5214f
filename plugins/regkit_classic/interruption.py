"""Interruption of a long call into ITK by Ctrl-C, which has no effect before its end otherwise."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import SimpleITK as sitk


@contextmanager
def stopping_on_interrupt(method: sitk.ImageRegistrationMethod) -> Iterator[None]:
    """Stop an optimizer after its current iteration on Ctrl-C, then raise `KeyboardInterrupt`.

    An exception raised in a callback of ITK would print a traceback; a handler that asks ITK to
    stop does not. Python runs handlers between its own instructions only, hence the callback.
    """
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if ignored or threading.current_thread() is not threading.main_thread():
        yield
        return
    interrupted = threading.Event()

    def stop(*_: object) -> None:
        interrupted.set()
        method.StopRegistration()

    method.AddCommand(sitk.sitkIterationEvent, lambda: None)
    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        method.RemoveAllCommands()
    if interrupted.is_set():
        raise KeyboardInterrupt("the registration was interrupted")
