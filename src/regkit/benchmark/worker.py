"""The process that runs one method on cases, apart so that whatever happens stays there.

It is started as ``python -m regkit.benchmark.worker IN OUT`` with two open pipes, on which both
sides write one JSON object a line. First comes ``{"plan", "method"}``, answered by ``ready`` or
``refused``; then, for each case, ``{"index", "case", "folder"}``, answered twice by ``stage`` and
once by ``done``, or by ``stopped`` if the benchmark itself cannot go on. When the pipe in closes,
nobody is waiting, and the process ends with all it has started.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from regkit.benchmark.memory import prefer_for_oom_kill
from regkit.benchmark.method_runner import MethodRunner
from regkit.benchmark.plan import Plan
from regkit.errors import (
    DuplicateNameError,
    MissingDependencyError,
    OutputError,
    PluginError,
    RegkitError,
)

Say: TypeAlias = Callable[..., None]


def main() -> None:
    """Answer until the pipe in closes."""
    inward, outward = (int(text) for text in sys.argv[1:3])
    for descriptor in (inward, outward):
        os.set_inheritable(descriptor, False)  # what a method starts must not keep them open
    prefer_for_oom_kill()
    inbox: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(inward, inbox), daemon=True).start()

    itself = os.getpid()

    def say(**message: Any) -> None:
        if os.getpid() != itself:
            os._exit(0)  # a copy that a method has made by forking: it must not answer as well
        os.write(outward, json.dumps(message).encode() + b"\n")

    bench = _open(inbox.get(), say)
    while bench is not None:
        _work(bench, inbox.get(), say)


def _listen(inward: int, inbox: queue.SimpleQueue[dict[str, Any]]) -> None:
    with os.fdopen(inward, encoding="utf-8") as stream:
        for line in stream:
            inbox.put(json.loads(line))
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _open(order: Mapping[str, Any], say: Say) -> MethodRunner | None:
    plan = Plan.of(order["plan"])
    method = next(m for m in plan.methods if m.label == order["method"])
    try:
        bench = MethodRunner(plan, method)
    except RegkitError as error:
        say(refused=str(error), unavailable=_is_about_the_environment(error))
        return None
    say(ready=bench.parameters)
    return bench


def _work(bench: MethodRunner, order: Mapping[str, Any], say: Say) -> None:
    def stage(**facts: Any) -> None:
        say(stage=facts)

    try:
        say(done=bench.run(order["index"], order["case"], order["folder"], stage))
    except OutputError as error:
        say(stopped=str(error))


def _is_about_the_environment(error: RegkitError) -> bool:
    return isinstance(error, MissingDependencyError | DuplicateNameError) or (
        type(error) is PluginError
    )


if __name__ == "__main__":
    main()
