"""Text below a refusal: smtpd_reject_footer, smtpd_reject_footer_maps (postconf(5)).

The law: it is for 4XX and 5XX replies and comes below what they say, each line under the same code; what
is logged stays without it. Only client_address, client_port, localtime and server_name have a value.
A table that fails is told, and the footer for all is used.
"""

import time
from typing import Any

from pyfix._core.reply import is_enhanced_code
from pyfix.config.expand import ERROR, Expander
from pyfix.errors import TableError
from pyfix.maps import MapList

BREAK, SAME_LINE = "\\n", "\\c"


class Footer:
    """The footers of one configuration; false where there are none. `log`: Maillog; `censor`: smtpd_expansion_filter."""

    def __init__(self, config: Any, log: Any, censor: Any) -> None:
        self.log, self.censor, self.host = log, censor, config["myhostname"]
        self.template = config.smtpd_reject_footer
        self.maps = MapList(config["smtpd_reject_footer_maps"], config, "smtpd_reject_footer_maps")

    def __bool__(self) -> bool:
        return bool(self.template or self.maps)

    def below(self, lines: list[bytes], address: bytes, port: int) -> list[bytes]:
        """The lines of a refusal (without CRLF), to a client at that address and port, with the footer."""
        template = self.template_for(b"\n".join(lines))
        added = self.expanded(template, address, port) if template else None
        if added is None:
            return lines
        texts = [line[4:] for line in lines]
        word = texts[-1].partition(b" ")[0]
        dsn = word + b" " if is_enhanced_code(word) else b""
        if template.startswith(SAME_LINE):
            texts[-1] += added.pop(0)
        texts += [dsn + line for line in added]
        code = lines[0][:3]
        return [code + (b"-" if at < len(texts) - 1 else b" ") + text for at, text in enumerate(texts)]

    def template_for(self, reply: bytes) -> str:
        """What the maps have for this reply, else the footer for all."""
        try:
            found = self.maps.get(reply) if self.maps and self.maps.local else None
        except TableError as error:
            self.log.warning(f"{error.args[0] if error.args else error}".encode())
            self.log.warning(b'smtpd_reject_footer_maps lookup error for "%b"' % reply[:100])
            found = None
        return self.template if found is None else found.decode("utf-8", "replace")

    def expanded(self, template: str, address: bytes, port: int) -> list[bytes] | None:
        """The footer's lines; None where the template is malformed."""
        values = {"client_address": address.decode(), "client_port": str(port) if port >= 0 else "unknown",
                  "localtime": time.strftime("%b %d %H:%M:%S"), "server_name": self.host}

        def lookup(name: str, test: bool) -> str | None:
            value = values.get(name)
            if value is None:
                self.log.warning(f'unknown macro name "{name}" in expansion request'.encode())
            return value

        expander = Expander(lookup, lambda text: self.log.warning(text.encode()), recurse=False, clean=self.censor)
        expander.run(template.removeprefix(SAME_LINE))
        if expander.status & ERROR:
            return None
        return ["".join(part).encode("utf-8", "replace") for part in "".join(expander.result).split(BREAK)]
