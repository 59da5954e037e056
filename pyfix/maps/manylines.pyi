"""Lines of keys looked up in a table in memory, as `postmap -q -` asks."""

from .hashtable import MappedTable

def query(table: MappedTable, data: bytes | bytearray | memoryview) -> tuple[bytes, list[tuple[int, bytes]], int]:
    """Look up each line of `data`: (output, [(output offset, line left over)], number found). TableError."""
