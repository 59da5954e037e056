"""Queue ids and the slot table in plain Python: the oracle of pyfix._core.slots."""

DIGITS = "0123456789BCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz"


def digits(value: int, base: int, width: int) -> str:
    out = ""
    while value or len(out) < width:
        value, digit = divmod(value, base)
        out = DIGITS[digit] + out
    return out


def make_id(number: int, when_us: int, long_form: bool = False) -> bytes:
    """postconf(5), enable_long_queue_ids."""
    seconds, micro = divmod(when_us, 1_000_000)
    if long_form:
        return (digits(seconds, 52, 6) + digits(micro, 52, 4) + "z" + digits(number, 51, 1)).encode()
    return f"{micro:05X}{number:X}".encode()


class SlotTable:
    """A dictionary by number."""

    def __init__(self) -> None:
        self.slots: dict[int, tuple[bytes, int]] = {}

    def add(self, queue_id: bytes, number: int, state: int) -> None:
        if number in self.slots:
            raise KeyError(queue_id)
        self.slots[number] = queue_id, state

    def count(self, state: int) -> int:
        return sum(s == state for _, s in self.slots.values())
