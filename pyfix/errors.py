"""The one exception tree. Each class says whose fault it is and so what the answer is.

    PyfixError
      ConfigError       the administrator's: names file, line and remedy
      TableError        a lookup table failed for now: answer 4xx, never "not found"
        TableConfigError  a table that is set up wrongly: answer 4xx, log as an error
      QueueError        the queue can't take or give a message now: answer 451
        DiskFull          no room: answer 452
        MessageTooLarge   over a limit: answer 552
        Corrupt           a record that fails its checksum or can't be decoded
      PeerError         the other side broke the protocol
      SystemTrouble     the machine refused something: a socket, a file, a process
"""


class PyfixError(Exception):
    """Root of all errors that pyfix raises on purpose."""


class ConfigError(PyfixError):
    """A mistake in main.cf, master.cf or on a command line.

    `text` says what is wrong; `file` and `line` (1-based, 0 unknown) say where;
    `remedy` is the one sentence that helps.
    """

    def __init__(self, text: str, file: str = "", line: int = 0, remedy: str = "") -> None:
        self.text, self.file, self.line, self.remedy = text, file, line, remedy
        where = f"{file}, line {line}: " if file and line else f"{file}: " if file else ""
        super().__init__(f"{where}{text}" + (f" ({remedy})" if remedy else ""))


class TableError(PyfixError):
    """A lookup could not be made now; the caller defers (4xx). `table` is "type:name"."""

    def __init__(self, table: str, text: str) -> None:
        self.table, self.text = table, text
        super().__init__(f"{table}: {text}")


class TableConfigError(TableError):
    """A table that can never work as configured (bad pattern, missing file, unknown type)."""


class QueueError(PyfixError):
    """The queue can't take or give a message now."""


class DiskFull(QueueError):
    """Too little space for a message; deliveries go on from the reserve."""


class MessageTooLarge(QueueError):
    """A message over message_size_limit or the file size limit."""


class Corrupt(QueueError):
    """A stored record whose checksum or shape is wrong."""


class PeerError(PyfixError):
    """The remote side broke the protocol; `where` is the stage in words."""

    def __init__(self, text: str, where: str = "") -> None:
        self.text, self.where = text, where
        super().__init__(text)


class SystemTrouble(PyfixError):
    """The operating system refused a socket, a file or a process."""
