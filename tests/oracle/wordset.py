"""Which words occur in a text, in plain Python: what `_core.wordset` is held to."""


def find(words: list[bytes], text: bytes) -> list[int]:
    """The numbers of the words, of which 32 bytes count, that occur in `text`, whatever their ASCII case."""
    return [number for number, word in enumerate(words) if word[:32] in text.lower()]
