"""pyfix: a mail transfer agent with Postfix's face and a log-structured queue."""

with open(__file__.rpartition("/")[0] + "/VERSION", encoding="ascii") as _file:     # every command's start waits for this
    __version__ = _file.read().strip()
