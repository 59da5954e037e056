"""What the load receiver makes of each message; see ext/pyfix/load/checking.pyx."""

class Run:
    """What has come of one run."""

    name: bytes
    def __init__(self, name: bytes) -> None: ...
    def state(self) -> bytes:
        """All entries, for merge() in another process."""
    def merge(self, data: bytes) -> None:
        """Adds what another process received of this run."""
    def result(self) -> dict[str, int]:
        """Numbers of messages: seen, complete, incomplete, doubled, with other recipients than they were sent to."""

def examine(content: bytes, cuts: tuple[int, ...] = ()) -> tuple[tuple[bytes, int, int, int, int, int, int] | None, bool, bool]:
    """(mark or None, damaged, intact) of a message's content, cut at the given offsets: for tests."""
