"""Worker process that runs one method on cases, isolated so that a crash ends only itself.

It is started as ``python -m regkit.benchmark.worker IN OUT`` with two open pipes, on which both
sides write one JSON object per line. The first request is ``{"plan", "method"}``, answered by
``ready`` or ``refused``; then, for each case, ``{"index", "case", "folder"}``, answered twice by
``stage`` and once by ``done``, or by ``stopped`` if the benchmark itself cannot continue. When
the incoming pipe closes, the process ends together with all that it has started.
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
from regkit.benchmark.worker_plan import TaskRunner, load_runner, plan_of
from regkit.errors import (
    DeviceError,
    DuplicateNameError,
    MissingDependencyError,
    OutputError,
    PluginError,
    RegkitError,
)

Reply: TypeAlias = Callable[..., None]


def main() -> None:
    """Answer requests until the incoming pipe closes."""
    incoming, outgoing = (int(text) for text in sys.argv[1:3])
    for descriptor in (incoming, outgoing):
        # Processes that a method starts must not keep the pipes open.
        os.set_inheritable(descriptor, False)
    prefer_for_oom_kill()
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(incoming, requests), daemon=True).start()

    own_process = os.getpid()

    def reply(**message: Any) -> None:
        if os.getpid() != own_process:
            os._exit(0)  # a fork that a method has made must not answer as well
        os.write(outgoing, json.dumps(message).encode() + b"\n")

    runner = _load_method(requests.get(), reply)
    while runner is not None:
        _run_case(runner, requests.get(), reply)


def _listen(incoming: int, requests: queue.SimpleQueue[dict[str, Any]]) -> None:
    with os.fdopen(incoming, encoding="utf-8") as stream:
        for line in stream:
            requests.put(json.loads(line))
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _load_method(request: Mapping[str, Any], reply: Reply) -> TaskRunner | None:
    try:
        runner = load_runner(plan_of(request["plan"]), request["method"])
    except RegkitError as error:
        reply(refused=str(error), unavailable=_is_about_the_environment(error))
        return None
    reply(ready=runner.parameters)
    return runner


def _run_case(runner: TaskRunner, request: Mapping[str, Any], reply: Reply) -> None:
    def stage(**facts: Any) -> None:
        reply(stage=facts)

    try:
        reply(done=runner.run(request["index"], request["case"], request["folder"], stage))
    except OutputError as error:
        reply(stopped=str(error))


def _is_about_the_environment(error: RegkitError) -> bool:
    return isinstance(error, MissingDependencyError | DuplicateNameError | DeviceError) or (
        type(error) is PluginError
    )


if __name__ == "__main__":
    main()
