"""A tenant's text cannot reach Python, cannot run for long and cannot grow without end."""

import time
from collections.abc import Iterator
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.messages.context import MessageContext
from app.messages.rendering import RenderedMessage, render_one
from app.messages.sandbox import render_html, render_text
from app.messages.syntax import NotAllowedError, check
from app.messages.texts import Text
from app.messages.variables import MAX_LISTED, Absent, material
from app.messages.vocabulary import FILTERS, LOOP, VARIABLES, Field, Group, Listing, describe
from tests.messages.test_rendering import context, line

REFUSED = {
    "a class": "{{ ''.__class__ }}",
    "a class of a variable": "{{ company.__class__.__mro__ }}",
    "a class by filter": "{{ company|attr('__class__') }}",
    "a class by item": "{{ company['__class__'] }}",
    "an item": "{{ invoices[0].number }}",
    "a call": "{{ company.name.upper() }}",
    "a call of a name": "{{ range(10) }}",
    "self": "{{ self.__init__ }}",
    "a global": "{{ cycler }}",
    "lipsum": "{{ lipsum(1000000) }}",
    "a format": "{{ '%1000000000d'|format(1) }}",
    "a format by method": "{{ '{:>1000000000}'.format(1) }}",
    "a product": "{{ 'a' * 10**9 }}",
    "a power": "{{ 9 ** 9 ** 9 }}",
    "a sum": "{{ count + 1 }}",
    "a joining": "{{ company.name ~ company.name }}",
    "a center": "{{ company.name|center(1000000000) }}",
    "an indent": "{{ company.name|indent(1000000000) }}",
    "a replace": "{{ company.name|replace('', 'aaaaaaaa') }}",
    "safe": "{{ company.name|safe }}",
    "map": "{{ invoices|map(attribute='number')|join }}",
    "a range": "{% for i in range(1000000000) %}x{% endfor %}",
    "a loop over a text": "{% for c in company.name %}x{% endfor %}",
    "a loop in a loop": "{% for a in invoices %}{% for b in invoices %}x{% endfor %}{% endfor %}",
    "ten loops": "".join(f"{{% for a{n} in invoices %}}" for n in range(10)) + "x" + "{% endfor %}" * 10,
    "a recursive loop": "{% for a in invoices recursive %}{{ loop(a) }}{% endfor %}",
    "a loop over two": "{% for a, b in invoices %}x{% endfor %}",
    "a hidden variable": "{% for total in invoices %}x{% endfor %}",
    "a macro": "{% macro a() %}x{% endmacro %}",
    "set": "{% set a = 'x' %}",
    "a set block": "{% set a %}x{% endset %}",
    "include": "{% include 'page.j2' %}",
    "extends": "{% extends 'page.j2' %}",
    "import": "{% import 'page.j2' as a %}",
    "from": "{% from 'page.j2' import a %}",
    "a block": "{% block a %}x{% endblock %}",
    "a filter block": "{% filter upper %}x{% endfilter %}",
    "with": "{% with a = 1 %}x{% endwith %}",
    "call": "{% call company() %}x{% endcall %}",
    "do": "{% do company %}",
    "autoescape": "{% autoescape false %}x{% endautoescape %}",
    "a test": "{% if company is mapping %}x{% endif %}",
    "a list": "{{ [1, 2] }}",
    "a dict": "{{ {} }}",
    "a long number": "{{ " + "9" * 6_000 + " }}",
    "a float": "{{ 1e999 }}",
    "none": "{{ none }}",
    "brackets": "{{ " + "(" * 5_000,
    "nots": "{% if " + "not " * 4_000 + "payable %}x{% endif %}",
    "ors": "{% if " + "payable or " * 1_500 + "payable %}x{% endif %}",
    "nested conditions": "{% if payable %}" * 50 + "{% endif %}" * 50,
    "an open statement": "{% if payable %}x",
    "an open print": "{{ total",
    "an open comment": "{# x",
    "an unknown name": "{{ secret }}",
    "an unknown part": "{{ company.secret }}",
    "a part of a text": "{{ total.secret }}",
    "a whole group": "{{ company }}",
    "a whole list": "{{ invoices }}",
    "a yes or no": "{{ payable }}",
    "half a choice": "{{ total if payable }}",
    "apples and pears": "{% if total > 3 %}x{% endif %}",
    "in": "{% if 'a' in total %}x{% endif %}",
    "a block as a value": "{{ invoice_table|upper }}",
    "a block as a question": "{% if invoice_table %}x{% endif %}",
    "a filter without its argument": "{{ total|default }}",
    "a filter with a variable": "{{ total|default(company.name) }}",
    "a filter with a wild argument": "{{ total|shorten(-9999999999) }}",
    "a named argument": "{{ total|shorten(length=3) }}",
    "a length of a text": "{{ total|length }}",
    "too much in a loop": "{% for a in invoices %}" + "{{ a.number }}" * 300 + "{% endfor %}",
    "too much text in a loop": "{% for a in invoices %}" + "x" * 10_000 + "{% endfor %}",
}


@pytest.mark.parametrize("source", REFUSED.values(), ids=REFUSED)
def test_what_is_not_on_the_list_is_refused_at_once(source: str) -> None:
    started = time.perf_counter()
    faults = check(source)
    assert time.perf_counter() - started < 2
    assert faults
    assert all(fault.message and fault.line >= 1 for fault in faults)
    for render in (render_text, render_html):
        with pytest.raises(NotAllowedError):
            render(source, {})


ALLOWED = [
    "",
    "{{ company.name }} {{ customer.name|upper|trim }}",
    "{% if count == 1 %}{{ invoice.number }}{% elif overdue_count >= 2 %}{{ owed }}{% else %}{{ total }}{% endif %}",
    "{% for item in invoices %}{{ loop.index }}. {{ item.number }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "{% for item in also_open if item.days_overdue > 30 %}{{ item.amount }}{% else %}-{% endfor %}",
    "{{ customer.contact or customer.name }} {{ 'a' if payable else 'b' }} {{ invoices|length }}",
    '{{ charges|default("0") }} {{ company.name|shorten(20) }} {{ tone }} {{ step }}',
    "{% if plan %}{{ plan.instalment }} {{ plan.remaining }}{% endif %}{% if promise and promise.paid %}x{% endif %}",
    "{{ greeting }}\n\n{{ invoice_table }}\n{{ payment_details }}\n{{ signature }}{# a remark #}",
    '{% if customer.kind == "consumer" and invoice.days_overdue > -3 %}x{% endif %}{% raw %}{{ x }}{% endraw %}',
]


def text(body: str, **fields: object) -> Text:
    values: dict[str, object] = {
        "id": uuid4(), "key": "ours", "language": "es-MX", "channel": "email", "tone": "firm", "name": "ours",
        "subject": "{{ company.name }}", "body": body, **fields,
    }  # fmt: skip
    return Text(**values)  # type: ignore[arg-type]


def shown(body: str, facts: MessageContext | None = None, **fields: object) -> RenderedMessage:
    return render_one(text(body, **fields), facts or context())


@pytest.mark.parametrize("source", ALLOWED)
def test_what_is_on_the_list_can_be_sent(source: str) -> None:
    assert check(source) == []
    shown(source)
    shown("", body_html=f"<p>{source}</p>")


def every_leaf() -> Iterator[str]:
    for name, variable in VARIABLES.items():
        match variable:
            case Field():
                yield f"{{% if {name} %}}x{{% endif %}}" if variable.kind == "yes_no" else f"{{{{ {name} }}}}"
            case Group(fields=fields):
                yield from (f"{{{{ {name}.{part} }}}}" for part in fields)
            case Listing(item=item):
                inner = "".join(f"{{{{ it.{part} }}}}" for part in item.fields)
                yield f"{{% for it in {name} %}}{inner}{{% endfor %}}"


def test_every_documented_variable_is_there_and_no_other() -> None:
    for source in every_leaf():
        assert check(source) == []
        shown(source)
    made = material(context(), text("x")).values
    given_later = {"greeting", "invoice_table", "payment_details", "signature", "if_paid", "pay_or_call"}
    assert set(made) | given_later == set(VARIABLES)
    for name, variable in VARIABLES.items():
        value = made.get(name)
        if isinstance(variable, Group) and isinstance(value, dict):
            assert set(value) == set(variable.fields), name
            assert bool(value) is not isinstance(value, Absent)
        elif isinstance(variable, Listing) and isinstance(value, list):
            assert all(set(item) == set(variable.item.fields) for item in value), name
    described = {entry["name"]: entry for entry in describe()}
    assert all(entry["description"] for entry in described.values())
    assert "invoices[].number" in described
    assert {f"loop.{part}" for part in LOOP.fields} <= set(described)


def test_the_longest_text_that_is_allowed_is_made_in_time() -> None:
    row = "{{ a.number|upper }}<" + "&" * 100
    source = "{% for a in invoices %}" + row * 15 + "{% endfor %}" + "{% if payable %}x{% endif %}" * 500
    assert check(source) == []
    facts = context(*(line(5, number="<&>" * 66) for _ in range(MAX_LISTED + 50)))
    started = time.perf_counter()
    message = shown(source, facts)
    assert time.perf_counter() - started < 5
    assert len(message.text) < 2_000_000


@pytest.mark.parametrize("name", FILTERS)
def test_filters_keep_texts_bounded(name: str) -> None:
    known = FILTERS[name]
    if known.takes == "text":
        argument = {None: (), str: ("x",), int: (5,)}[known.argument]
        assert len(known.call("ß" * 200, *argument)) <= 3 * 200


PIECES = [
    *"{}%#'\n|.-[]()~*=<>", "{{ ", " }}", "{% if ", "{% for a in ", "{% else %}", "{% endif %}", "{% endfor %}", " %}",
    "total", "invoices", "a.number", "company", "invoice_table", "'x'", " or ", " == ", "1", "|upper",
]  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_nothing_breaks_the_check(source: str) -> None:
    if not check(source):
        shown(source)


def test_a_fault_names_its_line() -> None:
    faults = check("Hola\n{% if payable %}\nx\n{% endif %}\n{{ secret }}\n\n{{ total.x }}")
    assert [fault.line for fault in faults] == [5, 7]
    assert "secret" in faults[0].message
    assert "GET /v1/templates/variables" in faults[0].message


def test_a_line_of_statements_leaves_no_line() -> None:
    body = "Uno\n{% if count == 1 %}\ndos\n{% endif %}\ntres\n\n{# remark\n{% if x %}\n#}cuatro"
    assert shown(body).text == "Uno\ndos\ntres\n\ncuatro\n"


def test_values_are_escaped_where_they_stand() -> None:
    facts = context(line(number='<b>&"x"'))
    message = shown("Hola <i> & {{ invoice.number }}", facts)
    assert 'Hola <i> & <b>&"x"' in message.text
    assert "Hola &lt;i&gt; &amp; &lt;b&gt;&amp;&#34;x&#34;" in (message.html or "")
    message = shown("", facts, body_html='<p title="{{ invoice.number }}">{{ "<u>" }}{{ invoice.number }}</p>')
    assert '<p title="&lt;b&gt;&amp;&#34;x&#34;">&lt;u&gt;&lt;b&gt;' in (message.html or "")
    assert '<u><b>&"x"' in message.text


def test_a_value_cannot_pretend_to_be_a_block_or_a_statement() -> None:
    facts = context(line(number="\x02signature\x03{{ total }}{% if x %}"))
    message = shown("-{{ invoice.number }}-", facts)
    assert "-signature{{ total }}{% if x %}-" in message.text
    assert "Cobranza" not in message.text


def test_what_is_raw_stays_as_it_is() -> None:
    body = "{% if count %}\n{% raw %}\n{{ x }}\n{% endraw %}\n{% endif %}\nend"
    assert render_text(body, {"count": 1}).split() == ["{{", "x", "}}", "end"]
