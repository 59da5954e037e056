"""Seeded traffic: message number N of a run is the same whoever sends it, in whatever order.

The law: every choice (tenant, sender, recipients, size) is drawn from a generator seeded with (seed, N) alone, so the same
seed makes the same traffic again with any number of sessions or processes. Each message carries in its header

    X-Load: RUN NUMBER RECIPIENTS SUM STAMP LENGTH CRC CHECK

run id, number, how many recipients it was sent to, the sum of a hash of each recipient's address (modulo 2**64), the time it
was due in microseconds since the epoch, length and CRC32C of its body, and a CRC32C of this line up to there. A body
that we made up ends in a line with run and number. So a receiver sees loss, doubling and any change of a body, of the
recipients, or of which body belongs to which header, while servers on the way may add or rewrite other header lines.
"""

from libc.string cimport memcpy

from pyfix._core.chars cimport put_digits
from pyfix._core.request cimport Request
from pyfix._core.frame cimport crc32c

from pyfix._core.outgoing import Encoder


cdef inline uint64_t draw(uint64_t* state) noexcept nogil:
    """The next number of splitmix64 (Steele, Lea and Flood, 2014)."""
    cdef uint64_t z
    state[0] += <uint64_t>0x9E3779B97F4A7C15
    z = state[0]
    z = (z ^ (z >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * <uint64_t>0x94D049BB133111EB
    return z ^ (z >> 31)


cdef uint64_t address_hash(const char* p, Py_ssize_t n) noexcept nogil:
    """FNV-1a, 64 bits."""
    cdef uint64_t h = <uint64_t>0xCBF29CE484222325
    cdef Py_ssize_t i
    for i in range(n):
        h = (h ^ <unsigned char>p[i]) * <uint64_t>0x100000001B3
    return h


cdef inline char* put(char* out, bytes text) noexcept:
    """Copies a text; where it ends."""
    memcpy(out, <char*>text, len(text))
    return out + len(text)


cdef char* put_number(char* out, int64_t value) noexcept nogil:
    """Decimal digits of a number that is not negative; where they end."""
    cdef char[20] digits
    cdef size_t at = put_digits(value, digits)
    memcpy(out, digits + at, 20 - at)
    return out + 20 - at



cdef char* put_hex(char* out, uint64_t value, int digits) noexcept nogil:
    """Lower-case hexadecimal digits, that many; where they end."""
    cdef int i
    for i in range(digits - 1, -1, -1):
        out[i] = b"0123456789abcdef"[value & 15]
        value >>= 4
    return out + digits


cdef int pick(list cumulative, uint64_t number) except -1:
    """Index of the weight that `number` falls on; `cumulative` are running sums of whole weights."""
    cdef int i, count = len(cumulative)
    cdef uint64_t at
    if count == 1:
        return 0
    at = number % <uint64_t>cumulative[count - 1]
    for i in range(count):
        if at < <uint64_t>cumulative[i]:
            return i
    return count - 1


cdef class Pattern:
    """An address with places for numbers: "user{u}@d{d}.test". Without {u} the recipients after the first get their index in front."""

    def __init__(self, text: str):
        self.text = text.encode("ascii")
        if len(self.text) > LONGEST_PATTERN:
            raise ValueError(f"{text[:40]}...: an address of more than {LONGEST_PATTERN} bytes")
        pieces = self.text.replace(b"{u}", b"\0u\0").replace(b"{d}", b"\0d\0").split(b"\0")
        self.literals, self.places = pieces[::2], b"".join(pieces[1::2])
        self.numbered = b"u" in self.places

    cdef bytes make(self, uint64_t user, uint64_t domain, int index):
        cdef char[20 * LONGEST_PATTERN] line
        cdef char* at = line
        cdef Py_ssize_t i
        if index and not self.numbered:
            at = put_number(at, index)
        elif not self.places:
            return self.text
        at = put(at, self.literals[0])
        for i in range(len(self.places)):
            at = put_number(at, user if <char>self.places[i] == b"u" else domain)
            at = put(at, self.literals[i + 1])
        return line[:at - line]

    def example(self, user: int = 0, domain: int = 0, index: int = 0) -> bytes:
        """One address of this pattern."""
        return self.make(user, domain, index)


cdef class Blob:
    """A body. `body` has CRLF line ends and ends in one; `marked`: a line with run and number is put behind it."""

    def __init__(self, bytes body not None, bint marked=True, bytes head=b""):
        ends = body.count(b"\r\n")
        if not body.endswith(b"\r\n") or body.count(b"\r") != ends or body.count(b"\n") != ends:
            raise ValueError("a body must have CRLF line ends and no other CR or LF")
        self.head, self.raw, self.marked = head, body, marked
        self.wire = Encoder(0).encode(body)
        self.eight_bit = not (body.isascii() and head.isascii())
        self.crc = crc32c(0, body, len(body))


cdef class Letter:
    """One message, ready to go: envelope, header and body."""


cdef class Traffic:
    """What a run sends.

    tenants   [(weight, sender Pattern, senders, sender domains, [(weight, recipient Pattern, users, domains)])]
    blobs     [(weight, Blob)]
    counts    [(weight, recipients of a message)]
    run       an id of up to 16 letters and digits, which the receiver sorts by
    """

    def __init__(self, bytes run not None, uint64_t seed, list tenants, list blobs, list counts):
        if not run.isalnum() or len(run) > 16:
            raise ValueError("run: 1 to 16 letters and digits")
        self.run, self.seed = run, seed
        self.tenants = [(*row[1:4], running(row[4]), [group[1:] for group in row[4]]) for row in tenants]
        self.blobs = [row[1] for row in blobs]
        self.counts = [row[1] for row in counts]
        self.tenant_weights, self.blob_weights, self.count_weights = running(tenants), running(blobs), running(counts)

    cdef Letter letter(self, int64_t number):
        """Message `number`."""
        cdef Letter letter = Letter.__new__(Letter)
        cdef uint64_t state = self.seed ^ (<uint64_t>number * <uint64_t>0xD1342543DE82EF95)
        cdef uint64_t user, users, domains
        cdef int i, count
        cdef list recipients = []
        cdef bytes address, sender
        cdef Pattern pattern
        pattern, senders, sender_domains, weights, groups = self.tenants[pick(self.tenant_weights, draw(&state))]
        sender = pattern.make(draw(&state) % <uint64_t>senders, draw(&state) % <uint64_t>sender_domains, 0)
        count = self.counts[pick(self.count_weights, draw(&state))]
        letter.blob = self.blobs[pick(self.blob_weights, draw(&state))]
        user = draw(&state)
        letter.recipient_sum = 0
        for i in range(count):
            pattern, users, domains = groups[pick(weights, draw(&state))]
            address = pattern.make((user + i) % users, draw(&state) % domains, i)
            letter.recipient_sum += address_hash(address, len(address))
            recipients.append(address)
        letter.number = number
        self.write(letter, sender, recipients)
        return letter

    cdef int write(self, Letter letter, bytes sender, list recipients) except -1:
        """Header, last line and request of a letter whose choices are made."""
        cdef Blob blob = letter.blob
        cdef Request request = Request.__new__(Request)
        letter.tail = self.tail(letter.number) if blob.marked else b""
        letter.crc = crc32c(blob.crc, letter.tail, len(letter.tail))
        letter.length = len(blob.raw) + len(letter.tail)
        letter.head = blob.head + b"\r\n" if blob.head else self.head(letter.number, sender, recipients[0])
        request.sender, request.recipients = sender, recipients
        request.size = letter.length + len(letter.head) + MARK_ROOM
        request.body = b"8BITMIME" if blob.eight_bit else b""
        request.envid = b""
        letter.request = request
        return 0

    cdef bytes head(self, int64_t number, bytes sender, bytes to):
        """The header of a made-up message. ValueError: addresses that are too long for it."""
        cdef char[HEAD_ROOM] line
        cdef char* at = line
        if len(sender) + len(to) > HEAD_ROOM - 256:
            raise ValueError("addresses of more than 1,700 bytes")
        at = put(put(put(at, b"From: <"), sender), b">\r\nTo: <")
        at = put(put(put(at, to), b">\r\nSubject: load "), self.run)
        at[0] = b" "
        at = put(put_number(at + 1, number), b"\r\nMessage-ID: <")
        at = put(at, self.run)
        at[0] = b"."
        at = put(put_number(at + 1, number), b"@load.test>\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\n\r\n")
        return line[:at - line]

    cdef bytes tail(self, int64_t number):
        """The last line of a made-up body."""
        cdef char[64] line
        cdef char* at = put(put(line, b"-- "), self.run)
        at[0] = b" "
        at = put(put_number(at + 1, number), b"\r\n")
        return line[:at - line]

    cdef int mark(self, Letter letter, int64_t stamp, char* out) noexcept:
        """Writes the X-Load line, which holds the time it was due, into MARK_ROOM bytes; returns its length."""
        cdef char* at = put(put(out, b"X-Load: "), self.run)
        at[0] = b" "
        at = put_number(at + 1, letter.number)
        at[0] = b" "
        at = put_number(at + 1, len(letter.request.recipients))
        at[0] = b" "
        at = put_hex(at + 1, letter.recipient_sum, 16)
        at[0] = b" "
        at = put_number(at + 1, stamp)
        at[0] = b" "
        at = put_number(at + 1, letter.length)
        at[0] = b" "
        at = put_hex(at + 1, letter.crc, 8)
        at[0] = b" "
        at = put_hex(at + 1, crc32c(0, out + 8, at + 1 - out - 8), 8)
        return <int>(put(at, b"\r\n") - out)

    def example(self, number: int, stamp: int = 0) -> tuple:
        """(sender, recipients, content) of message `number`, for tests and `--show`."""
        cdef Letter letter = self.letter(number)
        cdef char[MARK_ROOM] line
        cdef int n = self.mark(letter, stamp, line)
        return (letter.request.sender, letter.request.recipients,
                line[:n] + letter.head + letter.blob.raw + letter.tail)


cdef list running(list rows):
    """The running sums of the weights in front of each row."""
    cdef list sums = []
    total = 0
    for row in rows:
        if row[0] < 1 or row[0] != int(row[0]):
            raise ValueError(f"weight {row[0]}: a whole number above 0")
        total += int(row[0])
        sums.append(total)
    if not sums:
        raise ValueError("a table without rows")
    return sums
