"""Rewriting an address to its canonical form, and masquerading.

Source: postconf(5) append_at_myorigin, append_dot_mydomain, swap_bangpath, allow_percent_hack,
remote_header_rewrite_domain, masquerade_domains; trivial-rewrite(8).
"""

from pyfix._core.tok822 import Tree

class AddressTree:
    """One address as a token list that rewriting and resolving cut and join.

    tokens   [(kind, text)] as tok822.scan() gives them
    glued    no blank is put between neighbouring words when it becomes text again
    """

    tokens: Tree
    glued: bool

    def __init__(self, tokens: Tree, glued: bool = False) -> None: ...
    @classmethod
    def of_external(cls, address: bytes) -> AddressTree:
        """The tree of an address in external form; the null address for blank text."""

    def find(self, kind: int) -> int:
        """Index of the first token of that kind, -1 if there is none."""

    def rfind(self, kind: int) -> int:
        """Index of the last token of that kind, -1 if there is none."""

    def internal(self, start: int = 0) -> bytes:
        """Internal form of the tokens from `start` on."""

    def external(self) -> bytes:
        """External form: the local part quoted where it needs it."""

class RewriteRules:
    """One rewriting context: local ($myorigin, $mydomain) or remote ($remote_header_rewrite_domain for both)."""

    origin: bytes
    domain: bytes
    swap_bangpath: bool
    allow_percent_hack: bool
    append_at_myorigin: bool
    append_dot_mydomain: bool

    def __init__(
        self,
        origin: bytes,
        domain: bytes,
        swap_bangpath: bool = True,
        allow_percent_hack: bool = True,
        append_at_myorigin: bool = True,
        append_dot_mydomain: bool = False,
    ) -> None: ...
    def rewrite(self, address: bytes) -> bytes:
        """The canonical form of an internal address, in internal form."""

    def rewrite_external(self, address: bytes) -> bytes:
        """The canonical form of an external address, in external form."""

    def rewrite_tree(self, tree: AddressTree) -> None:
        """Rewrites the tree of one address in place."""

def masquerade(address: bytes, domains: tuple[bytes, ...]) -> bytes:
    """The address with a subdomain of one of `domains` cut down to it; as it was if none applies.

    `domains`: (b"example.com", b"!b.example.com"), in lower case; the first that matches decides,
    "!" protects, and an address in the domain itself stays. Source: ADDRESS_REWRITING_README.
    """
