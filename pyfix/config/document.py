"""Writes docs/parameters.md and docs/man/postconf.5 from the table of parameters.

    python -m pyfix.config.document ROOT           write both below ROOT
    python -m pyfix.config.document --scan ROOT    which rows claim more or less than the sources below ROOT do
"""

import sys
from pathlib import Path

from pyfix.config.sources import scan
from pyfix.config.table import Detail, Parameter, details, parameters

STATUS_WORDS = {"used": "yes", "partly": "in part", "ignored": "no"}


def _bounds(row: Parameter) -> str:
    low = "" if row.low is None else str(row.low)
    high = "" if row.high is None else str(row.high)
    return f"{low}..{high}" if low or high else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _line(row: Parameter, detail: Detail) -> str:
    default = f"`{_cell(row.default)}`" if row.default else ""
    used = STATUS_WORDS[detail.status] + (f": {detail.note}" if detail.note else "")
    return f"| `{row.name}` | {row.type} | {default} | {_bounds(row)} | {_cell(used)} | {_cell(detail.text)} |"


def markdown() -> str:
    """The text of docs/parameters.md."""
    rows, more = parameters(), details()
    counts = {status: sum(one.status == status for one in more.values()) for status in STATUS_WORDS}
    areas = sorted({one.area for one in more.values()})
    out = ["# Parameters", "",
           "Made from `pyfix/config/data/parameters.tsv` by `python -m pyfix.config.document .`; edit the table, not this page.",
           "", f"{len(rows)} parameters: {counts['used']} used, {counts['partly']} in part, {counts['ignored']} without "
           "effect here. A configuration that sets one of the last is told so at start. Types: int (32 bits), long (64 "
           "bits), time (seconds; s m h d w), bool (yes, no), str, raw (never expanded), legacy (an old name that a "
           "default looks at), family (any transport), obsolete (gone from Postfix).", ""]
    for area in areas:
        out += [f"## {area}", "", "| name | type | default | bounds | used | meaning |", "|---|---|---|---|---|---|"]
        out += [_line(row, more[name]) for name, row in rows.items() if more[name].area == area]
        out.append("")
    return "\n".join(out)


def _roff(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "'") else text


def manual() -> str:
    """The text of docs/man/postconf.5."""
    out = ['.TH POSTCONF 5 "" "pyfix" "File formats"', ".ad l", ".SH NAME", "postconf \\- pyfix configuration parameters",
           ".SH DESCRIPTION",
           "main.cf holds \\fIname = value\\fR lines in Postfix's language. This page lists every parameter with its type "
           "and default; a parameter that has no effect in pyfix says why.", ".SH PARAMETERS"]
    more = details()
    for name, row in parameters().items():
        out += [".TP", f"\\fB{_roff(name)}\\fR ({row.type}; default: {_roff(row.default) or 'empty'})",
                _roff(more[name].text)]
        if more[name].note:
            word = "No effect" if more[name].status == "ignored" else "In part"
            out.append(_roff(f"{word}: {more[name].note}."))
    out += [".SH SEE ALSO", "postconf(1), master(5)", ""]
    return "\n".join(out)


def main(arguments: list[str]) -> int:
    """Entry point."""
    if arguments[:1] == ["--scan"]:
        found = scan(Path(arguments[1] if len(arguments) > 1 else "."))
        print("\n".join(found))
        return 1 if found else 0
    root = Path(arguments[0] if arguments else ".")
    (root / "docs" / "man").mkdir(parents=True, exist_ok=True)
    (root / "docs" / "parameters.md").write_text(markdown())
    (root / "docs" / "man" / "postconf.5").write_text(manual())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
