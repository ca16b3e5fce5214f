"""Interruption of a long call into ITK, on which a signal has no effect before its end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import SimpleITK as sitk

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stopping_on_interrupt(method: sitk.ImageRegistrationMethod) -> Iterator[None]:
    """Stop an optimizer after its iteration on Ctrl-C or termination: `KeyboardInterrupt`.

    Signals that Python does not handle are left alone. An exception raised in a callback
    of ITK would print a traceback; a handler that asks ITK to stop does not. Python runs handlers
    between its own instructions only, hence the callback.
    """
    handlers = {s: handler for s in SIGNALS if callable(handler := signal.getsignal(s))}
    if not handlers or threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []

    def stop(number: int, _: object) -> None:
        received.append(number)
        method.StopRegistration()

    method.AddCommand(sitk.sitkIterationEvent, lambda: None)
    for number in handlers:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        method.RemoveAllCommands()
    if received:
        raise KeyboardInterrupt("the registration was interrupted")
