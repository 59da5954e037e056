"""Plain-Python twin of pyfix._core.header: the oracle of its tests."""

import re

FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")


def split_block(content: bytes) -> tuple[list[tuple[bytes, bytes]], int, bool]:
    """([(name, value with line ends)], offset of the body, was the end an odd line?)."""
    fields: list[tuple[bytes, bytes]] = []
    at = 0
    while at < len(content):
        newline = content.find(b"\n", at)
        end = len(content) if newline < 0 else newline + 1
        line = content[at:end]
        bare = line[:-1] if line.endswith(b"\n") else line
        bare = bare[:-1] if bare.endswith(b"\r") else bare
        if not bare:
            return fields, end, False
        if fields and bare[:1] in (b" ", b"\t"):
            fields[-1] = (fields[-1][0], fields[-1][1] + line)
        elif match := FIELD.match(bare):
            fields.append((match[1], line[match.end():]))
        else:
            return fields, at, True
        at = end
    return fields, len(content), False
