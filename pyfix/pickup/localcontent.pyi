"""Stub of `pyfix.pickup.localcontent`: line ends and flags of content from a local user."""

class LocalContent:
    """Takes content in pieces of any size; lines end in LF with any number of CRs before it, another CR becomes a blank."""

    flags: int
    def feed(self, data: bytes) -> bytes:
        """A piece as it came; returns it as it is kept (CRLF line ends)."""
    def finish(self) -> bytes:
        """The end: returns what is left to keep (the last line's end)."""
