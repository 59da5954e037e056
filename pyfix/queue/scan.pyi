"""Walking a segment: which records stand in it, what is damaged, where it ends (docs/queue.md "Recovery")."""

from typing import NamedTuple

from pyfix.queue.reader import SegmentFile

class Found(NamedTuple):
    """What scan() saw.

    records    [(kind, offset, length, head bytes, vouched)], in order; not vouched: the last group, checked with its body
    damaged    [(offset, end)] before what is vouched for: acknowledged once, now lost or partly so
    torn       [(offset, end)] after it: never acknowledged, or not provably
    end        where the records end
    sealed     whether the writer said so itself
    """

    records: list[tuple[int, int, int, bytes, bool]]
    damaged: list[tuple[int, int]]
    torn: list[tuple[int, int]]
    end: int
    sealed: bool

def scan(file: SegmentFile, start: int = 4096, limit: int = 0, search: bool = True) -> Found:
    """Walk the records from `start` (where one begins or began) to the end, or to `limit` (0: the segment's size).

    Without `search` the walk ends where no whole record follows: for a segment that is being written to. A record whose head
    is there and whose body is not all there yet is none: its writer is in the middle of it.
    """
