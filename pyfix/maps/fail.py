"""fail:text, a table whose every use is a temporary error: for tests of what happens then."""

from collections.abc import Iterator
from typing import Any, NoReturn

from ..errors import TableError
from .registry import wants_utf8
from .table import Table


class FailTable(Table):
    """Raises TableError at each operation."""

    def _fail(self) -> NoReturn:
        raise TableError(self.title, "Application error")

    def get(self, key: bytes) -> bytes | None:
        self._fail()

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        self._fail()

    def put(self, key: bytes, value: bytes) -> None:
        self._fail()

    def delete(self, key: bytes) -> bool:
        self._fail()


def open_table(type: str, name: str, flags: int, config: Any, mode: str) -> Table:
    """Always succeeds."""
    return FailTable(type, name, flags, wants_utf8(config, flags))
