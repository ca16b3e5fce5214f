"""What learned methods share: the course of a training, its loop, checkpoints, log and devices.

Knows no network and no data: a plugin gives a `Task` to `run` and has a trainer. Needs torch.
"""

from regkit.learning.device import device_named
from regkit.learning.distributed import Crew
from regkit.learning.loop import command, run
from regkit.learning.task import Task
from regkit.learning.training_config import Course, read_course

__all__ = ["Course", "Crew", "Task", "command", "device_named", "read_course", "run"]
