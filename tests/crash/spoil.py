"""Disks and recordings as a queue without a checksum, or without a kind of record, would have left them.

A checksum that is made to fit whatever stands there checks nothing; a record that names a message nobody has says nothing.
"""

import struct
from collections.abc import Callable

from pyfix import durable
from pyfix._core import frame
from pyfix.queue.states import pack_op, unpack_op

from .disk import Base, Op

STATE, START, HEADER, BLOCK = 4, 4096, 32, 128
NOBODY = 1 << 30            # in the number of a message that is not there


def restamp(data: bytearray, at: int, length: int, head: int, salt: int, number: int, body: bool) -> None:
    """Make one of the two checksums of a record fit; that of the head, if it is the body's turn, only where it was right."""
    seed = frame.seed(salt, number)
    header, text = bytes(data[at:at + 28]), bytes(data[at + HEADER:at + HEADER + head])
    fits = frame.checksum(text, frame.checksum(header, seed)) == int.from_bytes(data[at + 28:at + HEADER], "little")
    if body:
        data[at + 24:at + 28] = frame.checksum(bytes(data[at + HEADER + head:at + length]), seed).to_bytes(4, "little")
    if fits or not body:
        again = frame.checksum(text, frame.checksum(bytes(data[at:at + 28]), seed))
        data[at + 28:at + HEADER] = again.to_bytes(4, "little")


def records(body: bool) -> Callable[[Base], Base]:
    """Without one checksum of the records in the segments."""
    def spoil(state: Base) -> Base:
        files = dict(state.files)
        for name, inode in state.names.items():
            data = bytearray(files.get(inode, b""))
            head = frame.segment_read(bytes(data[:START]))
            if not name.endswith(b".seg") or head is None:
                continue
            number, _, _, salt, _ = head
            at = data.find(magic := struct.pack("<I", salt & 0xffffffff), START)
            while 0 <= at <= len(data) - HEADER:
                length, offset, _, size = struct.unpack_from("<4I", data, at + 4)
                if offset == at and HEADER + size <= length <= len(data) - at:
                    restamp(data, at, length, size, salt, number, body)
                at = data.find(magic, at + 4)
            files[inode] = bytes(data)
        return Base(state.names, files)
    return spoil


def checkpoints(state: Base) -> Base:
    """Without the checksums of a checkpoint's blocks."""
    files = dict(state.files)
    for name, inode in state.names.items():
        data, at = bytearray(files.get(inode, b"")), 0
        while name.startswith(b"checkpoint") and at + 9 <= len(data):
            length = int.from_bytes(data[at:at + 4], "little")
            if at + 9 + length > len(data):
                break
            data[at + 4:at + 8] = frame.checksum(bytes(data[at + 8:at + 9 + length])).to_bytes(4, "little")
            at += 9 + length
        files[inode] = bytes(data)
    return Base(state.names, files)


def segment_heads(state: Base) -> Base:
    """Without the checksum of a segment's head: the first copy of it is believed."""
    files = dict(state.files)
    for name, inode in state.names.items():
        if name.endswith(b".seg"):
            data = files.get(inode, b"")
            files[inode] = data[:BLOCK - 4] + frame.checksum(data[:BLOCK - 4]).to_bytes(4, "little") + data[BLOCK:]
    return Base(state.names, files)


def cuts(state: Base) -> Base:
    """Without the checksum of a .cut."""
    files = dict(state.files)
    for name, inode in state.names.items():
        data = files.get(inode, b"")
        if name.endswith(b".cut") and len(data) == 8:
            files[inode] = data[:4] + frame.checksum(data[:4], int(name[:8], 16)).to_bytes(4, "little")
    return Base(state.names, files)


CHECKSUMS = {"head of a record": records(False), "body of a record": records(True), "checkpoint": checkpoints,
             "head of a segment": segment_heads, "cut": cuts}


def without_records(ops: list[Op], kind: int) -> list[Op]:
    """A recording in which the state records of one kind are about nobody."""
    heads: dict[int, tuple[int, int]] = {}
    changed = []
    for op in ops:
        if op[0] == durable.WRITE and op[2] == 0 and (head := frame.segment_read(op[3])) is not None:
            heads.pop(op[1], None)
            if head[1] == STATE:
                heads[op[1]] = head[3], head[0]
        elif op[0] == durable.WRITE and op[1] in heads and len(op[3]) > HEADER:
            op = (*op[:3], about_nobody(op[3], op[2], kind, *heads[op[1]]), op[4])
        changed.append(op)
    return changed


def about_nobody(piece: bytes, offset: int, kind: int, salt: int, number: int) -> bytes:
    """A state record, changed if it is of that kind."""
    found = frame.decode(piece + bytes(-len(piece) % 8), salt, number, offset, offset + (1 << 16))
    if found[0] != 0 or found[1] != STATE:
        return piece
    op = unpack_op(found[2])
    if op[0] != kind:
        return piece
    op[1] |= NOBODY
    return frame.encode(STATE, pack_op(op), b"", salt, number, offset, found[5])[:len(piece)]
