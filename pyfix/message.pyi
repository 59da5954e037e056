"""One queued message's values: its recipients and its envelope (see pyfix.model)."""

class Recipient:
    """One recipient of a queued message, resolved when it was accepted.

    address       where it goes (internal form)
    original      as it was before any expansion, b"" if the same
    orcpt         RFC 3461 ORCPT value "type;xtext-decoded", b"" if none
    notify        model.NOTIFY_* bits
    transport     master.cf service name, e.g. "smtp"
    nexthop       e.g. "example.com", "[127.0.0.1]:2525"
    """

    address: bytes
    original: bytes
    orcpt: bytes
    notify: int
    transport: str
    nexthop: str
    def __init__(self, address: bytes, original: bytes = ..., orcpt: bytes = ..., notify: int = ...,
                 transport: str = ..., nexthop: str = ...) -> None: ...

class Envelope:
    """All of a queued message but its content.

    queue_id      e.g. b"4F2A13C05D" or the long form
    arrival       microseconds since the epoch
    sender        reverse path, internal form
    flags         bits of pyfix.model
    size          content bytes as stored (what SIZE= and the log say)
    ret, envid    RFC 3461 RET_* and ENVID (decoded), b"" if none
    attributes    str -> str: client_name, client_address, client_port, protocol, helo,
                  reverse_name, sasl_*, ident, encoding, content_filter, redirect, message_id ...
    encoding      attributes["encoding"] in lower case, "" if it is not there
    generation    configuration generation that the recipients were resolved under
    recipients    list[Recipient]
    extents       [] when the content is in the record itself, else [(segment, offset, length), ...]
    """

    queue_id: bytes
    arrival: int
    sender: bytes
    flags: int
    size: int
    ret: int
    envid: bytes
    attributes: dict[str, str]
    generation: int
    recipients: list[Recipient]
    extents: list[tuple[int, int, int]]
    @property
    def encoding(self) -> str: ...
    def __init__(self, queue_id: bytes, arrival: int, sender: bytes, flags: int = ..., size: int = ..., ret: int = ...,
                 envid: bytes = ..., attributes: dict[str, str] | None = ..., generation: int = ...,
                 recipients: list[Recipient] | None = ..., extents: list[tuple[int, int, int]] | None = ...) -> None: ...
