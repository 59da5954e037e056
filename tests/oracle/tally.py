"""The plain-Python twin of `pyfix.smtpd.tally`: buckets of eight, and who may have a place in one (anvil(8))."""

PLACES = 8


class Tally:
    """Counts for each key; a bucket is a list of [key, connections, window, {kind: events}] or None."""

    def __init__(self, buckets: int) -> None:
        self.buckets: list[list[list | None]] = [[None] * PLACES for _ in range(buckets)]

    def find(self, key: int) -> list | None:
        return next((entry for entry in self.buckets[key % len(self.buckets)] if entry and entry[0] == key), None)

    def claim(self, key: int, window: int) -> list | None:
        """The key's place, or the first that is free: empty, or of an older window and without connections."""
        entry, bucket = self.find(key), self.buckets[key % len(self.buckets)]
        for place, old in enumerate(bucket):
            if entry is None and (old is None or old[1] == 0 and old[2] != window):
                entry = bucket[place] = [key, 0, window, {}]
        return entry

    def connections(self, key: int) -> int:
        entry = self.find(key)
        return entry[1] if entry else 0

    def rate(self, key: int, kind: int, window: int) -> int:
        entry = self.find(key)
        return entry[3].get(kind, 0) if entry and entry[2] == window else 0

    def connect(self, key: int, window: int) -> int:
        entry = self.claim(key, window)
        if entry is None:
            return -1
        entry[1] += 1
        return entry[1]

    def leave(self, key: int) -> bool:
        entry = self.find(key)
        if entry is None or not entry[1]:
            return False
        entry[1] -= 1
        return True

    def count(self, key: int, kind: int, window: int) -> int:
        entry = self.claim(key, window)
        if entry is None:
            return -1
        if entry[2] != window:
            entry[2:] = [window, {}]
        entry[3][kind] = entry[3].get(kind, 0) + 1
        return entry[3][kind]
