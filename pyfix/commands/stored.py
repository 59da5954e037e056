"""A message of our queue as the records that Postfix would have in its file. Used by postcat -q.

Law: postcat(1); the records, their order and the names of the attributes are Postfix's (docs/queue.md has our own).
"""

from collections.abc import Iterator
from typing import Any

from pyfix.commands.common import Failure
from pyfix.commands.queued import Asked, Down, own_store
from pyfix.commands.records import Record
from pyfix.config import Config
from pyfix.model import LOCAL_CLIENT, LOCAL_SUBMISSION, SMTPUTF8, Envelope, Place
from pyfix.queue.layout import log_directory
from pyfix.queue.states import NAMES

SIZE_RECORD = 97                        # bytes of the first record: type, length, six numbers of 15 columns
# our attribute: Postfix's, first as the log has it, then as Milters and policy do
CLIENT = {"client_name": "client_name", "reverse_name": "reverse_client_name", "client_address": "client_address",
          "client_port": "client_port", "helo": "helo_name", "protocol": "protocol_name"}
LOGGED = ("client_name", "client_address", "client_port", "helo", "protocol")
ORIGIN_AT = 3                           # there Postfix says "name[address]"

Pairs = list[tuple[str, bytes]]


def locate(config: Config, queue_id: str) -> tuple[str, Place, list[int]]:
    """A message's queue, its place and its pending recipients. Raises Failure."""
    name = queue_id.encode("utf-8", "surrogateescape")
    if not name.isalnum():
        raise Failure(f"bad mail queue ID: {queue_id}")
    asked = Asked(config, "public/qmgr", "find", name)
    found = list(asked)
    if asked.text:
        raise Failure(asked.text)
    if not found:
        raise Failure(f"open queue file {queue_id}: No such file or directory")
    queue, segment, offset, length, pending = found[0]
    return queue, Place(segment, offset, length), pending


def stored_records(config: Config, queue_id: str) -> tuple[str, Iterator[Record]]:
    """A queued message: its queue and its records. Raises Failure, QueueError."""
    from pyfix.queue.reader import Reader
    try:
        queue, place, pending = locate(config, queue_id)
        envelope, content = Reader(log_directory(config.queue_directory)).open(place)
    except Down:
        with own_store(config) as (store, reader):
            slot = store.find(queue_id.encode())
            if not slot:
                raise Failure(f"open queue file {queue_id}: No such file or directory") from None
            queue, pending = NAMES[store.state(slot)], store.pending(slot)
            envelope, content = reader.open(store.place(slot))
            return queue, iter(list(as_records(envelope, bytes(content), set(pending))))
    return queue, as_records(envelope, bytes(content), set(pending))


def as_records(envelope: Envelope, content: bytes, pending: set[int]) -> Iterator[Record]:
    """Records in Postfix's order, with the offsets that they would have."""
    head = [*envelope_records(envelope), *recipient_records(envelope, pending), ("M", b"")]
    start = SIZE_RECORD + sum(length(data) for _, data in head)
    size = b"%15d %15d %15d %15d %15d %15d" % (len(content), start, len(envelope.recipients), 0, len(content),
                                               bool(envelope.flags & SMTPUTF8))
    offset = 0
    for kind, data in (("C", size), *head, *content_records(content), ("X", b""), ("E", b"")):
        end = offset + length(data)
        yield Record(offset, kind, data, end)
        offset = end


def length(data: bytes) -> int:
    """Bytes that a record takes in a file: its type, its length in groups of seven bits, its data."""
    return 1 + max(-(-len(data).bit_length() // 7), 1) + len(data)


def attribute(name: str, value: Any) -> tuple[str, bytes]:
    """A named attribute."""
    return "A", f"{name}={value}".encode("utf-8", "surrogateescape")


def envelope_records(envelope: Envelope) -> Pairs:
    """What comes before the recipients."""
    seconds, rest = divmod(envelope.arrival, 1_000_000)
    out = [("T", b"%d %d" % (seconds, rest)), attribute("create_time", seconds),
           attribute("log_ident", envelope.queue_id.decode()),
           attribute("rewrite_context", "local" if envelope.flags & (LOCAL_SUBMISSION | LOCAL_CLIENT) else "remote")]
    if envelope.envid:
        out.append(attribute("envelope_id", envelope.envid.decode("utf-8", "surrogateescape")))
    if envelope.ret:
        out.append(attribute("ret_flags", envelope.ret))
    return [*out, ("S", envelope.sender), *client_records(dict(envelope.attributes))]


def client_records(attributes: dict[str, str]) -> Pairs:
    """The attributes: those of an SMTP client by Postfix's names, the others as they are."""
    others = [attribute(name, value) for name, value in attributes.items() if name not in CLIENT]
    if attributes.get("protocol", "local") == "local":
        return others
    logged = [attribute("log_" + CLIENT[name], attributes[name]) for name in LOGGED if name in attributes]
    origin = attribute("log_message_origin", f"{attributes.get('client_name')}[{attributes.get('client_address')}]")
    logged.insert(min(ORIGIN_AT, len(logged)), origin)
    return [*others, *logged, *(attribute(theirs, attributes[ours]) for ours, theirs in CLIENT.items() if ours in attributes)]


def recipient_records(envelope: Envelope, pending: set[int]) -> Pairs:
    """The recipients; one that is through is a done_recipient."""
    out: Pairs = []
    for index, one in enumerate(envelope.recipients):
        if one.notify:
            out.append(attribute("notify_flags", one.notify))
        if one.orcpt:
            out.append(("A", b"dsn_orig_rcpt=" + one.orcpt))
        out += [("O", one.original or one.address), ("R" if index in pending else "D", one.address)]
    return out


def content_records(content: bytes) -> Iterator[tuple[str, bytes]]:
    """The lines of the content."""
    lines = content.split(b"\r\n")
    for line in lines[:-1] if lines[-1] == b"" else lines:
        yield "N", line
