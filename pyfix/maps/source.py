"""What is wrong with a postmap source, in Postfix's words (postmap(1)); the reading itself is `_core.hashbuild`."""

from . import report

#: texts by kind of event; {text} is the logical line
_TEXTS = {
    "utf8": "non-UTF-8 input \"{text}\" -- ignoring this line",
    "quote": "unbalanced '\"' in '{text}' -- ignoring this line",
    "format": "expected format: key whitespace value",
    "colon": "record is in \"key: value\" format; is this an alias file?",
}


def event_text(kind: str, line: int, text: bytes, where: str, suffix: str = "") -> str:
    """One event of Builder.events() as a warning; `suffix` follows "expected format"."""
    shown = report.show(text)
    if kind == "leading":
        more = "..." if len(text) > 30 else ""
        return f"{where}: logical line must not start with whitespace: \"{report.show(text[:30])}{more}\""
    body = _TEXTS[kind].format(text=shown)
    return f"{where}, line {line}: {body}" + (suffix if kind == "format" else "")
