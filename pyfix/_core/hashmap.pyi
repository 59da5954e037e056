"""The table image behind hash:, btree: and texthash:, read in place; see ext/pyfix/_core/hashmap.pyx for the format."""

from collections.abc import Iterator

class Reader:
    """An image in memory. `title` ("type:name") goes into errors. TableError where `data` is no image."""

    def __init__(self, data: bytes | bytearray | memoryview, title: str = "hash:") -> None: ...
    def __len__(self) -> int:
        """The number of entries."""
    def find(self, key: bytes) -> bytes | None:
        """The value of `key`, taken as it is, or None. TableError where the image is damaged there."""
    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every (key, value), in the order of the image. TableError where it is damaged."""
