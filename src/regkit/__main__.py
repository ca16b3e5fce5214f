"""``python -m regkit`` is ``regkit``."""

from regkit.cli import main

main()
