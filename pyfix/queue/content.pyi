"""A growing C buffer that holds a message's content until it is on disk (docs/queue.md "The writer")."""

class ContentBuffer:
    """`length` bytes; `given` once a writer has it. ValueError from a change after that. C: append(const char*, size_t)."""

    length: int
    given: bool
    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Add bytes at the end."""
    def __len__(self) -> int: ...
    def __bytes__(self) -> bytes: ...
