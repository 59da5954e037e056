"""Changes to a message that is all here but not yet committed: what a milter asks for at its end (cleanup_milter(3)).

Law: positions are as Sendmail counts them, the first header is 1. The Received header of our own is no milter's to see: a
change or removal by name does not find it, an insertion counts it. A change of a header that is not there adds it. A recipient that is
there already is not added again; one that was removed may be. The header, unfolded or not, keeps its line ends, LF here.
Source: the milter protocol's modification actions (mfapi: smfi_addheader, smfi_chgheader, smfi_insheader, smfi_addrcpt_par,
smfi_delrcpt, smfi_chgfrom, smfi_replacebody); postconf(5) milter_header_checks.
"""

from collections.abc import Callable, Iterable
from typing import Any

from pyfix._core.xtext import orcpt, unxtext
from pyfix.cleanup.milterchecks import MilterChecks
from pyfix.message import Recipient
from pyfix.model import NOTIFY_DELAY, NOTIFY_FAILURE, NOTIFY_NEVER, NOTIFY_SUCCESS, RET_FULL, RET_HEADERS, RET_NONE

_NOTIFY = {b"success": NOTIFY_SUCCESS, b"failure": NOTIFY_FAILURE, b"delay": NOTIFY_DELAY}
_RET = {b"full": RET_FULL, b"hdrs": RET_HEADERS}
SHOWN = 100             # bytes of a milter's argument that the log shows


class Edits:
    """A message as milters change it.

    sender, ret, envid  the envelope's; `recipients` in their order
    headers     logical headers as bytes, b"Name: value", LF between the lines of one
    body        b"" of lines with CRLF once it is replaced; None: as it came
    warn        is told what a milter asked for that can't be done
    checks      milter_header_checks, or None
    bcc         a sender -> the address that gets a copy of its mail (sender_bcc_maps), or b""
    """

    def __init__(self, sender: bytes, recipients: Iterable[Recipient], headers: Iterable[bytes], warn: Callable[[str], Any],
                 checks: MilterChecks | None = None, bcc: Callable[[bytes], bytes] | None = None) -> None:
        self.sender, self.recipients, self.headers = sender, list(recipients), list(headers)
        self.ret, self.envid = RET_NONE, b""
        self.body: bytes | None = None
        self._warn, self._checks, self._bcc = warn, checks, bcc

    # -- headers

    def add_header(self, name: bytes, value: bytes) -> None:
        """At the end."""
        self._put(len(self.headers), name, value)

    def insert_header(self, index: int, name: bytes, value: bytes) -> None:
        """So that it is the `index`-th header; at the end where there are not so many."""
        if index < 1:
            self._warn(f"bad insert header index: {index}")
            return
        self._put(min(index - 1, len(self.headers)), name, value)

    def change_header(self, index: int, name: bytes, value: bytes) -> None:
        """Another value for the `index`-th header of that name; without one it is added."""
        if index < 1:
            self._warn(f"bad update header index: {index}")
            return
        at = self._find(index, name)
        if at < 0:
            self.add_header(name, value)
        else:
            self._put(at, name, value, 1)

    def delete_header(self, index: int, name: bytes) -> None:
        """The `index`-th header of that name, if there is one."""
        if index < 1:
            self._warn(f"bad delete header index: {index}")
            return
        at = self._find(index, name)
        if at >= 0:
            del self.headers[at]

    def _find(self, index: int, name: bytes) -> int:
        """Where the `index`-th header of that name is, -1 for nowhere; our own Received header, the first, does not count."""
        wanted, own = name.lower(), True
        for at, header in enumerate(self.headers):
            label = header.partition(b":")[0].rstrip(b" \t").lower()
            if own and label == b"received":
                own = False
            elif label == wanted:
                index -= 1
                if not index:
                    return at
        return -1

    def _put(self, at: int, name: bytes, value: bytes, replaced: int = 0) -> None:
        """What the checks leave of a header, in the place of `replaced` others."""
        text = name + b": " + value
        if self._checks is None:
            self.headers[at:at + replaced] = [text]
            return
        self.headers[at:at + replaced] = self._checks.judged(text, self.headers[at:at + replaced])
        for copy in self._checks.copies:
            self.add_recipient(copy)

    # -- envelope

    def add_recipient(self, address: bytes, args: bytes = b"") -> None:
        """One more, with RCPT's parameters NOTIFY and ORCPT in `args`."""
        notify, original = 0, b""
        for name, value in self._parameters(args):
            if name == b"notify":
                notify = self._notify(value)
            elif name == b"orcpt":
                original = self._decoded("ORCPT", value, orcpt)
            else:
                self._unsupported(name)
        new = Recipient(address, b"", original, notify)
        if all(_same(one) != _same(new) for one in self.recipients):
            self.recipients.append(new)

    def delete_recipient(self, address: bytes) -> None:
        """Everyone to whom `address` was expanded, or who has it."""
        self.recipients = [one for one in self.recipients if (one.original or one.address) != address]

    def change_sender(self, address: bytes, args: bytes = b"") -> None:
        """Another reverse path, with MAIL's parameters RET and ENVID in `args`; its bcc is added once."""
        self.sender = address
        for name, value in self._parameters(args):
            if name == b"ret":
                self.ret = _RET.get(value.lower(), RET_NONE) or self._bad("RET", value) or self.ret
            elif name == b"envid":
                self.envid = self._decoded("ENVID", value, unxtext)
            else:
                self._unsupported(name)
        if self._bcc is not None and (copy := self._bcc(address)):
            self.add_recipient(copy, b"NOTIFY=NEVER")

    def _parameters(self, args: bytes) -> list[tuple[bytes, bytes]]:
        words = [word.partition(b"=") for word in args.split()]
        return [(name.lower(), value) for name, _, value in words]

    def _notify(self, value: bytes) -> int:
        if value.lower() == b"never":
            return NOTIFY_NEVER
        bits = 0
        for word in value.lower().split(b","):
            if word not in _NOTIFY:
                self._bad("NOTIFY", value)
                return 0
            bits |= _NOTIFY[word]
        return bits

    def _decoded(self, what: str, value: bytes, decode: Callable[[bytes], bytes | None]) -> bytes:
        decoded = decode(value)
        if not decoded:
            self._bad(what, value)
        return decoded or b""

    def _bad(self, what: str, value: bytes) -> int:
        self._warn(f"Bad {what} parameter from Milter: {value[:SHOWN].decode('utf-8', 'replace')}")
        return 0

    def _unsupported(self, name: bytes) -> None:
        self._warn(f"ignoring unsupported ESMTP parameter from Milter: {name[:SHOWN].decode('utf-8', 'replace')}")

    # -- content

    def replace_body(self, chunk: bytes) -> None:
        """The next piece of a new body. The first one takes the old body's place; begin_body() makes room for another."""
        self.body = (self.body or b"") + chunk

    def begin_body(self) -> None:
        """A new body begins, which replaces what was replaced before."""
        self.body = b""


def _same(one: Recipient) -> tuple[bytes, int, bytes, bytes]:
    """Recipients that are alike in this are one."""
    return one.orcpt, one.notify, (one.original or one.address).lower(), one.address.lower()
