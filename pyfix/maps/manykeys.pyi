"""Many keys at once, over a table in memory: their waits for memory overlap."""

from collections.abc import Iterable

from .hashtable import MappedTable

def get_many(table: MappedTable, keys: Iterable[bytes]) -> list[bytes | None]:
    """The value, or None, of each of `keys`, in their order. TableError where the table can't be used."""

def first(table: MappedTable, keys: Iterable[bytes]) -> tuple[int, bytes | None]:
    """(position, value) of the first of `keys` that the table has, or (-1, None).

    A key behind that one is not judged. An empty key is in no table. TableError where the table can't be used.
    """
