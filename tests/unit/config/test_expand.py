"""The expansion language: forms, warnings, and that no text whatever makes it fail otherwise."""

from hypothesis import given
from hypothesis import strategies as st

from pyfix.config.expand import ERROR, UNDEFINED, expand, names_in

VALUES = {"name": "value", "empty": "", "nest": "<$name>", "loop": "$loop", "self": "${{$self} == {x}?{a}:{b}}"}
TEXT = st.text(alphabet="${}()?:=! <>abnmeloptys1.%é", max_size=40)


def run(text: str, recurse: bool = True):
    warnings: list[str] = []
    result, status = expand(text, lambda name, test: VALUES.get(name), warnings.append, recurse)
    return result, status, warnings


def test_forms():
    assert run("$name ${name} $(name) $$name") == ("value value value $name", 0, [])
    assert run("${name?yes}${empty?no}${name:no}${empty:yes}") == ("yesyes", 0, [])
    assert run("${name ? {a} : {b}}${nobody?{a}:{b}}") == ("ab", 0, [])
    assert run("${{$name} == {value} ? {same} : {other}}") == ("same", 0, [])
    assert run("${{3.10} >level {3.9}?{newer}}${{10} > {9}?{number}}${{10} < {9x}?{text}}") == ("newernumbertext", 0, [])
    assert run("$nest") == ("<value>", 0, [])
    assert run("$nest", recurse=False) == ("<$name>", 0, [])
    assert run("$nobody") == ("", UNDEFINED, [])


def test_functions():
    assert run("${domain_to_ascii{bücher.example}}")[0] == "xn--bcher-kva.example"
    assert run("${domain_to_utf8{xn--bcher-kva.example}}")[0] == "bücher.example"
    result, status, warnings = run("${domain_to_ascii{-ü.example}}")
    assert status == ERROR and warnings[-1] == "bad domain argument in: 'domain_to_ascii{-ü.example}'"


def test_loops_end():
    assert run("$loop")[1:] == (ERROR, ['unreasonable macro call nesting: "loop"'])
    assert run("$self")[1] == ERROR


def test_partial_result_stays_after_an_error():
    assert run("a $name ${") == ("a value ", ERROR, ['truncated macro reference: "a $name ${"'])


def test_scan_sees_every_branch():
    seen: list[str] = []
    names_in("$a ${b?{$c}:{$d}} ${{$e} == {$f}?{$g}:$h}", lambda name, test: seen.append(name), seen.append)
    assert seen == list("abcdefgh")


@given(TEXT)
def test_any_text(text):
    result, status, warnings = run(text)
    assert bool(warnings) == bool(status & ERROR)
    if "$" not in text:
        assert (result, status) == (text, 0)


@given(st.text(alphabet="ab{}?:$ ", max_size=30))
def test_doubled_dollars_are_literal(text):
    assert run(text.replace("$", "$$")) == (text, 0, [])
