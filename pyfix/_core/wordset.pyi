"""Which of many words occur in a text: one pass, whatever their number. ASCII case does not count."""

class WordSet:
    """`WordSet(words)`: distinct words in lower case, none of them empty; of each the first 32 bytes are looked for.

    places   for each word whether it was taken in; one that is not, because too many look like it, is never found
    count    how many words were given
    """

    places: list[bool]
    count: int

    def __init__(self, words: list[bytes]) -> None: ...
    def find(self, text: bytes) -> list[int]:
        """The numbers of the words that occur in `text`, sorted. MemoryError."""
