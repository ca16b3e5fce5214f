"""Progress where there is no terminal, such as in the log of a cluster: a line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Timer
from typing import TYPE_CHECKING, Any, Self

from regkit.cli.colors import echo
from regkit.working import WorkStage

if TYPE_CHECKING:
    from rich.progress import TaskID

# Progress of what takes less need not be shown, in seconds; chosen by hand.
DELAY_S = 2.0
# Lines of one task; chosen by hand.
LINES = 10
# Seconds after which a work that tells no stage is told of again; chosen by hand.
LEAST_REMINDER_S = 30.0


@dataclass
class _Task:
    description: str
    total: float | None
    started: float
    done: float = 0.0
    told: int = 0


class ProgressLines:
    """A progress bar's interface (that of `rich.progress.Progress`) which writes lines.

    Each task writes a line at every tenth of its way, once it takes longer than a moment.

    Parameters
    ----------
    say
        Function that writes a line.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._tasks: list[_Task] = []
        self.console = self

    def add_task(self, description: str, total: float | None = None, **_fields: Any) -> TaskID:
        """Add a task; return its number."""
        self._tasks.append(_Task(description, total, time.monotonic()))
        number: Any = len(self._tasks) - 1
        return number  # type: ignore[no-any-return]

    def update(
        self,
        task_id: TaskID,
        *,
        total: float | None = None,
        completed: float | None = None,
        description: str | None = None,
        **_fields: Any,
    ) -> None:
        """Change what is given of a task."""
        task = self._tasks[task_id]
        task.total = task.total if total is None else total
        task.done = task.done if completed is None else completed
        task.description = description or task.description
        self._tell(task)

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """Count further steps of a task as done."""
        self.update(task_id, completed=self._tasks[task_id].done + advance)

    def print(self, text: str, **_style: Any) -> None:
        """Write a text that is no progress."""
        echo(text, err=True)

    def _tell(self, task: _Task) -> None:
        """Write a line if the task has come to a further tenth of its way."""
        passed_s = time.monotonic() - task.started
        if not task.total or passed_s < DELAY_S:
            return
        tenth = int(LINES * task.done / task.total)
        if tenth > task.told:
            task.told = tenth
            left_s = passed_s * (task.total - task.done) / task.done
            left = f", {clock(left_s)} left" if task.done < task.total else ""
            self._say(f"{task.description}: {task.done:g} of {task.total:g}{left}")


class StageLines:
    """A line on each stage of slow work, once it takes longer than a moment; then now and then.

    Parameters
    ----------
    text
        Name of the work.
    say
        Function that writes a line.
    """

    def __init__(self, text: str, say: Callable[[str], None]) -> None:
        self._text, self._say = text, say
        self._stage: WorkStage | None = None
        self._ended = False
        self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._timer.cancel()

    def tell(self, stage: WorkStage) -> None:
        """Take notice of a stage, and of the time left."""
        is_new = self._stage is None or stage.words != self._stage.words
        self._stage = stage
        if is_new:
            self._timer.cancel()
            self._begin()

    def _begin(self) -> None:
        self._began = time.monotonic()
        self._timer = self._started_timer(DELAY_S)

    def _line(self) -> None:
        """Write a line about the stage; the next one when it has taken twice as long."""
        if self._ended:
            return
        passed = time.monotonic() - self._began
        words, left_s = (self._stage.words, self._stage.left_s) if self._stage else ("", None)
        so_far = f", {clock(passed)} so far" if passed >= LEAST_REMINDER_S else ""
        left = " ..." if left_s is None else f", about {clock(left_s)} left"
        self._say(f"{self._text}{words and ': '}{words}{so_far}{left}")
        self._timer = self._started_timer(max(passed, LEAST_REMINDER_S))

    def _started_timer(self, seconds: float) -> Timer:
        timer = Timer(seconds, self._line)
        timer.daemon = True
        timer.start()
        return timer


def clock(seconds: float) -> str:
    """Return a duration as minutes and seconds, such as 4:05, or as 1:04:05 with hours."""
    minutes, seconds_left = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds_left:02}" if hours else f"{minutes}:{seconds_left:02}"
