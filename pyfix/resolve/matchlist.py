"""Lists of names that parameters hold: mydestination, virtual_alias_domains, relay_domains and their kind.

Source: postconf(5) mydestination, relay_domains, parent_domain_matches_subdomains; the matching is `pyfix.maps.match_list`.
"""

from typing import Any

from pyfix.maps import match_list


class MatchList(match_list.MatchList):
    """`MatchList(config, "mydestination")`: whole names; of the kind "domain" a name may also stand for what is below it.

    `text` takes the place of the parameter's value.
    """

    def __init__(self, config: Any, name: str, kind: str = "string", text: str | None = None) -> None:
        parent = kind == "domain" and name in config.words("parent_domain_matches_subdomains")
        super().__init__(config[name] if text is None else text, config, name, parent=parent, exact=kind == "string")
