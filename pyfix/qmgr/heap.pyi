"""A binary heap whose members know where they stand (ext/pyfix/qmgr/heap.pyx)."""

class Keyed:
    """Something that stands in a Heap, oldest stamp first."""

    tag: float
    seq: int

class Heap:
    """A binary heap of Keyed that knows where each one stands, so that any can leave."""

    def __len__(self) -> int: ...
