"""The slot table: 64 bytes for each queued message, found by its queue id (docs/queue.md "Memory")."""

SLOT_BYTES: int
MAX_ID: int

def make_id(number: int, when_us: int, long_form: bool = False) -> bytes:
    """The queue id of `number` (below 2**60) given at `when_us` (microseconds since the epoch)."""

def split_id(queue_id: bytes) -> tuple[int, int, int, bool]:
    """(number, seconds or 0, microseconds, long form?) of a queue id; ValueError when it is none."""

class SlotTable:
    """Slots by number. Slot 0 does not exist; `seed` (64 bits) makes the index unpredictable."""

    def __init__(self, seed: int = 0) -> None: ...
    def __len__(self) -> int: ...
    @property
    def last(self) -> int:
        """The highest slot ever in use: slots to walk are 1 .. last."""
    def memory(self) -> int:
        """Bytes held in slots and index."""
    def add(self, queue_id: bytes, arrival_us: int, segment: int, offset: int, length: int, size: int,
            flags: int, state: int = 1) -> int:
        """File a message and return its slot. ValueError: not a queue id, or a bad state; KeyError: its number is taken."""
    def remove(self, slot: int) -> None:
        """Free a slot. KeyError: not in use; AssertionError: still in the timer wheel."""
    def find(self, queue_id: bytes) -> int:
        """The slot of a queue id, 0 when it is not queued (or is not a queue id)."""
    def find_number(self, number: int) -> int:
        """The slot of a queue id's number, 0 when there is none."""
    def queue_id(self, slot: int) -> bytes:
        """The queue id of a slot in use."""
    def number(self, slot: int) -> int:
        """The number in its queue id."""
    def place(self, slot: int) -> tuple[int, int, int]:
        """(segment, offset, length) of its record."""
    def set_place(self, slot: int, segment: int, offset: int, length: int) -> None:
        """Its record has moved."""
    def state(self, slot: int) -> int:
        """Its state, 0 for a slot not in use."""
    def set_state(self, slot: int, state: int) -> None:
        """Change its state; ValueError when it is none."""
    def count(self, state: int) -> int:
        """How many slots are in a state."""
    def flags(self, slot: int) -> int:
        """model.Envelope.flags and, above them, the table's own bits."""
    def set_flag(self, slot: int, flag: int, on: bool = True) -> None:
        """Set or clear one bit (not LINKED, which is the wheel's)."""
    def arrival(self, slot: int) -> int:
        """Seconds since the epoch."""
    def size(self, slot: int) -> int:
        """Content bytes (at most 2**32 - 1 is remembered)."""
    def due(self, slot: int) -> int:
        """Seconds since the epoch of its next attempt, 0 when none is set."""
    def tries(self, slot: int) -> int:
        """Attempts made, at most 255 remembered."""
    def set_tries(self, slot: int, tries: int) -> None:
        """Set the count of attempts."""
    def tried(self, slot: int) -> int:
        """Count one attempt more and return the count."""
    def reason(self, slot: int) -> tuple[int, int]:
        """(segment, offset) of its last reason in the state log; (0, 0): none."""
    def set_due(self, slot: int, due: int) -> None:
        """Set when it is due without filing it in a wheel (recovery does, and files all at the end)."""
    def set_reason(self, slot: int, segment: int, offset: int) -> None:
        """Remember where its last reason is."""
    def walk(self, states: int, cursor: int = 0, limit: int = 1000) -> tuple[list[int], int]:
        """Slots after `cursor` whose state's bit is set in `states`: ([slot, ...] at most `limit`, next cursor or 0 at the end)."""
    def dump(self, cursor: int = 0, limit: int = 16384) -> tuple[bytes, int]:
        """Slots in use after `cursor` as bytes, SLOT_BYTES each, for a checkpoint: (bytes, next cursor or 0 at the end)."""
    def load(self, image: bytes) -> int:
        """File the slots of a dump(): links cleared, what was active incoming, a number already present skipped. Returns how many were filed; ValueError: not a dump."""
    def by_segment(self) -> tuple[dict[int, list[int]], dict[int, int]]:
        """What stands where: ({segment: [messages, bytes]}, {state log segment: reasons}), for a restart."""
    def flagged(self, flag: int) -> list[int]:
        """Slots in use that have one of these bits."""
    def in_segment(self, segment: int, limit: int = 1000) -> list[int]:
        """At most `limit` slots whose record is in a segment."""
    def with_reason_in(self, segment: int, limit: int = 1000) -> list[int]:
        """At most `limit` slots whose last reason is in a segment of the state log."""
