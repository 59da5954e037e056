"""Plain-Python twin of pyfix._core.rewrite: the oracle of its tests, with no short ways."""

from tests.oracle import address, tok822


class RewriteRules:
    """The same arguments and methods as the core's."""

    def __init__(self, origin: bytes, domain: bytes, swap_bangpath: bool = True, allow_percent_hack: bool = True,
                 append_at_myorigin: bool = True, append_dot_mydomain: bool = False) -> None:
        self.origin, self.domain = origin, domain
        self.bang, self.percent = swap_bangpath, allow_percent_hack
        self.at, self.dot = append_at_myorigin, append_dot_mydomain

    def rewrite(self, text: bytes) -> bytes:
        """Internal form to internal form."""
        return text and address.unquote(self.rewrite_external(address.quote(text)))

    def rewrite_external(self, text: bytes) -> bytes:
        """External form to external form."""
        tokens, glued = tok822.scan(text) or [(tok822.QSTRING, b"")], False
        if tokens in ([(tok822.QSTRING, b"")], [(64, b"@")]):
            return b'""'
        kinds = [k for k, _ in tokens]
        if kinds[0] == 64 and 58 in kinds and kinds.index(58) != len(kinds) - 1:
            tokens = tokens[kinds.index(58) + 1:]
        kinds = [k for k, _ in tokens]
        if 64 not in kinds:
            if self.bang and 33 in kinds:
                at = kinds.index(33)
                glued = at == 0
                tokens = tokens[at + 1:] + [(64, b"@")] + tokens[:at]
            elif self.percent and 37 in kinds:
                tokens[len(kinds) - 1 - kinds[::-1].index(37)] = (64, b"@")
            elif self.at and self.origin:
                tokens = tokens + [(64, b"@")] + tok822.scan(self.origin)
        kinds = [k for k, _ in tokens]
        if self.dot and self.domain and 64 in kinds and kinds[-1] != 64:
            after = kinds[len(kinds) - kinds[::-1].index(64):]
            if tok822.DOMLIT not in after and 46 not in after:
                tokens = tokens + [(46, b".")] + tok822.scan(self.domain)
        if len(tokens) > 1 and tokens[-1][0] == 46 and tokens[-2][0] not in (46, 64):
            tokens = tokens[:-1]
        return address.quote(tok822.internalize(tokens, glued))
