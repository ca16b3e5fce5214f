"""Worker process that runs one method on cases, isolated so that a crash ends only itself.

It is started as ``python -P -m regkit.benchmark.worker IN OUT`` with two open pipes, on which both
sides write one JSON object per line. The first request is ``{"plan", "method"}``, answered by
``ready`` or ``refused``. Then come cases, ``{"index", "case", "folder"}``, answered twice by
``stage`` and once by ``done``, or by ``stopped`` if the benchmark itself cannot continue. A
process that was given no method reads cases for others (``method`` and ``prepare`` in the
requests) and scores what they found (``method``, ``found`` and ``handed``). Every request has a
``nonce``, which its replies repeat with the case: nothing else is a reply. When the incoming pipe
closes, the process ends together with all that it has started.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from regkit.benchmark.descendants import MARK_VARIABLE, adopt_orphans, end_all
from regkit.benchmark.memory import prefer_for_oom_kill
from regkit.benchmark.plan import BenchmarkTask
from regkit.benchmark.worker_plan import TaskRunner, TaskScorer, load_runner, load_scorer, plan_of
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
    adopt_orphans()
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(incoming, requests), daemon=True).start()

    own_process = os.getpid()

    def replies_to(request: Mapping[str, Any]) -> Reply:
        known = {"nonce": request["nonce"], "case": request.get("case", "")}

        def reply(**message: Any) -> None:
            if os.getpid() != own_process:
                os._exit(0)  # a fork that a method has made must not answer as well
            _write(outgoing, json.dumps(known | message).encode() + b"\n")

        return reply

    request = requests.get()
    loaded = _load(request, replies_to(request))
    while loaded is not None:
        request = requests.get()
        _run_case(loaded, request, replies_to(request))


def _write(descriptor: int, line: bytes) -> None:
    """Write a whole line, also one that is longer than a pipe holds."""
    while line:
        line = line[os.write(descriptor, line) :]


def _listen(incoming: int, requests: queue.SimpleQueue[dict[str, Any]]) -> None:
    with os.fdopen(incoming, encoding="utf-8") as stream:
        for line in stream:
            requests.put(json.loads(line))
    end_all(os.getpid(), os.environ[MARK_VARIABLE])


def _load(request: Mapping[str, Any], reply: Reply) -> TaskRunner | TaskScorer | None:
    plan, method = plan_of(request["plan"]), request["method"]
    try:
        loaded = load_runner(plan, method) if method else load_scorer(plan)
    except RegkitError as error:
        reply(refused=str(error), unavailable=_is_about_the_environment(error))
        return None
    reply(ready=loaded.parameters)
    return loaded


def _run_case(loaded: Any, request: Mapping[str, Any], reply: Reply) -> None:
    index, case, folder = request["index"], request["case"], request["folder"]

    def stage(**facts: Any) -> None:
        reply(stage=facts)

    try:
        if "prepare" in request:
            task = BenchmarkTask(index, case, request["method"])
            reply(done=loaded.prepare(task, request["prepare"]))
        elif "found" in request:
            task = BenchmarkTask(index, case, request["method"])
            reply(done=loaded.score(task, folder, request["found"], request["handed"]))
        else:
            reply(done=loaded.run(index, case, folder, stage))
    except OutputError as error:
        reply(stopped=str(error))


def _is_about_the_environment(error: RegkitError) -> bool:
    return isinstance(error, MissingDependencyError | DuplicateNameError | DeviceError) or (
        type(error) is PluginError
    )


if __name__ == "__main__":
    main()
