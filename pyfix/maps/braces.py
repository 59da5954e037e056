"""Lists with `{ }` quoting, as main.cf has them (mystrtokq(3), extpar(3), split_nameval(3))."""

WHITE = " \t\r\n"
SEPARATORS = ", \t\r\n"


def tokens(text: str, separators: str = SEPARATORS) -> list[str]:
    """Split at separators that stand outside braces."""
    out: list[str] = []
    start, level = -1, 0
    for at, char in enumerate(text):
        if level == 0 and char in separators:
            if start >= 0:
                out.append(text[start:at])
            start = -1
            continue
        if start < 0:
            start = at
        level += (char == "{") - (char == "}" and level > 0)
    if start >= 0:
        out.append(text[start:])
    return out


def balanced(text: str) -> int:
    """The length of the `{...}` at the start of `text`, -1 where its closing brace is missing."""
    level = 0
    for at, char in enumerate(text):
        level += (char == "{") - (char == "}")
        if level == 0:
            return at + 1
    return -1


def extract(text: str, strip: bool = True) -> tuple[str, str]:
    """(what stands in the braces around `text`, error text or "")."""
    end = balanced(text)
    if end < 0:
        return text[1:].strip(WHITE) if strip else text[1:], f"missing '}}' in \"{text}\""
    inner = text[1:end - 1]
    error = f"syntax error after '}}' in \"{text}\"" if text[end:].strip(WHITE) else ""
    return inner.strip(WHITE) if strip else inner, error


def split_assignment(text: str) -> tuple[str, str, str]:
    """(name, value, error) of "name = value"; white space and "=" in double quotes belong to the name."""
    text = text.strip(WHITE)
    quoted = False
    at = 0
    while at < len(text) and (quoted or text[at] not in WHITE + "="):
        if text[at] == "\\" and at + 1 < len(text):
            at += 1
        elif text[at] == '"':
            quoted = not quoted
        at += 1
    name, rest = text[:at], text[at:].lstrip(WHITE)
    if quoted:
        return "", "", "unbalanced '\"'"
    if not text:
        return "", "", "no key found; expected format: key = value"
    if not rest.startswith("="):
        return "", "", "missing '=' after attribute name"
    return name, rest[1:].strip(WHITE), ""
