"""Reading msgpack as pyfix's processes and log records use it (ext/pyfix/_core/unpack.pyx)."""

def unpack(data: bytes | bytearray | memoryview, *, escape: bool = False) -> object:
    """The one value in `data`: int, float, bool, None, str, bytes, list, dict. ValueError where it is not exactly one.

    `escape`: bytes in text that are no UTF-8 become lone surrogates.
    """
