"""The peer's own vectors: fold_addr, namadr_list, dict_open."""

import pytest

from pyfix import maps
from pyfix._core.quote import quote, unquote
from pyfix.errors import TableError
from pyfix.maps import flags as F
from pyfix.maps import registry, report
from pyfix.maps.fold import casefold, fold_address
from pyfix.maps.match_list import namadr_list
from tests.kit.peer import octets, vectors


def cases(area, name):
    return [pytest.param(case, id=case["name"]) for case in vectors(area, name)["vectors"]]


@pytest.fixture
def said(monkeypatch):
    lines = []
    monkeypatch.setattr(report, "sink", lambda level, text: lines.append(
        text if level == "info" else f"{level}: {text}"))
    return lines


@pytest.mark.parametrize("case", cases("fold_addr", "fold_addr"))
def test_fold_addr(case):
    fold = case["fold"]
    assert fold_address(octets(case["in"]), fold in ("user", "all"), fold in ("host", "all")) == octets(case["out"])


@pytest.mark.parametrize("case", cases("fold_addr", "casefold"))
def test_casefold(case):
    assert casefold(octets(case["in"])) == octets(case["out"])


@pytest.mark.parametrize("case", cases("fold_addr", "strcasecmp_utf8"))
def test_strcasecmp(case):
    a, b = octets(case["a"]), octets(case["b"])
    if case["bytes"] is not None:
        a, b = a[:case["bytes"]], b[:case["bytes"]]
    a, b = casefold(a), casefold(b)
    assert ("<" if a < b else ">" if a > b else "==") == case["result"]


@pytest.mark.parametrize("case", cases("namadr_list", "namadr_list"))
def test_namadr_list(case, tmp_path, monkeypatch, said):
    for name, text in case["files"].items():
        (tmp_path / name).write_text(text)
    for name, text in case["env"].items():
        monkeypatch.setenv(name, text)

    def here(text):
        return text.replace("@CWD@", str(tmp_path))
    try:
        held = namadr_list(here(case["list"]), None, "command line", parent=True)
        result = "YES" if held.match(octets(case["host"]), octets(case["addr"])) else "NO"
    except TableError as error:
        result = "ERROR"
        said.append(f"warning: {error}")
    assert result == case["result"]
    assert [line.split(": ", 1)[1] for line in said] == [here(text) for text in case["warnings"]]


class Driver:
    """Runs the commands of a dict_open vector and gathers what it prints."""

    def __init__(self, spec, mode, flags):
        bits = {"utf8_request": F.UTF8_REQUEST}
        value = F.DUP_REPLACE
        for name in flags:
            value |= bits.get(name, 0)
        self.lines = []
        report.set_sink(lambda level, text: self.lines.append(text if level == "info" else f"{level}: {text}"))
        self.table = registry.open_spec(spec, None, value, {"read": "r", "write": "i", "create": "i"}[mode])
        self.walk = None

    def run(self, command):
        self.lines.append(f"> {command}")
        verb, _, rest = command.partition(" ")
        getattr(self, f"do_{verb}")(rest)

    def do_get(self, key):
        try:
            value = self.table.get(octets(key))
            self.lines.append(f"{key}: not found" if value is None else f"{key}={report.show(value)}")
        except TableError:
            self.lines.append(f"{key}: error")

    def do_put(self, pair):
        key, _, value = pair.partition("=" if "=" in pair else " ")
        self.table.put(octets(key), octets(value))

    def do_del(self, key):
        self.lines.append(f"{key}: {'deleted' if self.table.delete(octets(key)) else 'not found'}")

    def do_first(self, _):
        try:
            self.walk = iter(self.table.items())
            self.do_next(_)
        except TableError:
            self.lines.append("error")

    def do_next(self, _):
        pair = next(self.walk, None)
        self.lines.append("not found" if pair is None else f"{report.show(pair[0])}={report.show(pair[1])}")

    def do_flags(self, _):
        self.lines.append("flags")

    def do_verbose(self, _):
        pass


def masked(text):
    return "".join("?" if "\udc80" <= c <= "\udcff" else c for c in text)


@pytest.mark.parametrize("case", cases("dict_open", "dict_open"))
def test_dict_open(case, monkeypatch):
    monkeypatch.setattr(report, "sink", report.sink)
    driver = Driver(case["argv"][0], case["argv"][1], case["argv"][2:])
    for command in case["in"]:
        driver.run(command)
    want = [line for line in case["out"] if not line.startswith("dict flags ")]
    got = [line for line in driver.lines if line != "flags"]
    if "sorted" in case.get("mode", ""):
        want, got = sorted(want), sorted(got)
    assert [masked(line) for line in got] == [masked(line) for line in want]


def test_quote_is_the_inverse():
    assert unquote(quote(b"a b@c")) == b"a b@c"
