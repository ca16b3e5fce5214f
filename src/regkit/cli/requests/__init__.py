"""The work of the commands: each request is one frozen dataclass, and one function carries it out.

Nothing here parses the command line or prints results; the commands do.
"""
