"""The part of Jinja's language that a tenant's text may use, checked before anything of it runs.

Jinja's own sandbox bounds neither time nor memory: what is not on the lists below is refused, whatever it would do.
Every name is known with its kind, so that a text that passes cannot fail when a message is made out; loops go over the
documented lists only and never within each other, so what a text can cost is known from its source.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from jinja2 import Environment, TemplateSyntaxError, nodes

from app.messages.vocabulary import FILTERS, LOOP, VARIABLES, Field, Group, Listing, Variable

MAX_LOOP_ROUNDS: Final = 200
MAX_VALUE_LENGTH: Final = 200
MAX_COST: Final = 40_000
MAX_OUTPUT: Final = 1_000_000
_MAX_STATEMENT_DEPTH: Final = 8
_MAX_EXPRESSION_DEPTH: Final = 12
_MAX_FAULTS: Final = 10
_MAX_NUMBER: Final = 1_000_000
_PARSER: Final = Environment(autoescape=False)  # noqa: S701  it only parses

_ALLOWED: Final = (
    "Allowed are {{ variable }}, {{ variable|filter }}, {% if %} with {% elif %} and {% else %}, and {% for %} over a "
    "list; GET /v1/templates/variables lists the variables and filters."
)
# A comment or what is raw, which stay as they are, or a line that holds nothing but other statements.
_COMMENT_OR_LINE: Final = re.compile(
    r"(?s:\{#.*?#\}|\{%[-+]?\s*raw\s*-?%\}.*?\{%[-+]?\s*endraw)"
    r"|^[ \t]*((?:\{%(?![-+]?\s*(?:end)?raw\b)(?:(?!%\}|\n).)*%\})+)[ \t]*\n",
    re.MULTILINE,
)

_NAMES: Final[Mapping[type[nodes.Node], str]] = {
    nodes.Macro: "a macro", nodes.CallBlock: "a call block", nodes.FilterBlock: "a filter block", nodes.With: "with",
    nodes.Assign: "set", nodes.AssignBlock: "set", nodes.Block: "a block", nodes.Extends: "extends",
    nodes.Include: "include", nodes.Import: "import", nodes.FromImport: "import", nodes.Call: "a call",
    nodes.Getitem: "access with [ ]", nodes.Test: "a test with `is`", nodes.Concat: "joining with ~",
    nodes.Add: "arithmetic", nodes.Sub: "arithmetic", nodes.Mul: "arithmetic", nodes.Div: "arithmetic",
    nodes.FloorDiv: "arithmetic", nodes.Mod: "arithmetic", nodes.Pow: "arithmetic", nodes.List: "a list",
    nodes.Dict: "a dict", nodes.Scope: "autoescape", nodes.Tuple: "a tuple", nodes.Pos: "arithmetic",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class SyntaxFault:
    """What is not allowed, where, and what to do."""

    line: int
    message: str


class NotAllowedError(ValueError):
    """A text that is refused; `faults` says why."""

    def __init__(self, faults: list[SyntaxFault]) -> None:
        super().__init__("; ".join(f"line {fault.line}: {fault.message}" for fault in faults))
        self.faults = faults


def check(source: str) -> list[SyntaxFault]:
    """What is wrong with a text, nothing where it may be used."""
    try:
        tree = _PARSER.parse(prepare(source))
    except TemplateSyntaxError as error:
        return [SyntaxFault(error.lineno or 1, f"{(error.message or 'Not understood')[:200]} {_ALLOWED}")]
    except (RecursionError, MemoryError, ValueError, OverflowError):
        return [SyntaxFault(1, f"This is nested too deeply, or holds a number that is too long. {_ALLOWED}")]
    checker = _Checker()
    checker.statements(tree.body, {}, depth=0, rounds=1)
    if not checker.faults and (checker.cost > MAX_COST or checker.output > MAX_OUTPUT):
        checker.fault(tree, "This could become too long: put less into the loops.")
    return sorted(checker.faults, key=lambda fault: fault.line)[:_MAX_FAULTS]


def prepare(source: str) -> str:
    """Let a line that holds only statements leave no line behind; line numbers stay as they are.

    Raises:
        TemplateSyntaxError: a comment, or what is raw, that never ends.
    """
    if "{#" in source or "raw" in source:
        # Searching for the end of those that have none would cost quadratic time.
        _PARSER.parse(source)
    return _COMMENT_OR_LINE.sub(lambda match: match[0] if match[1] is None else f"{match[1]}{{#\n#}}", source)


Scope = Mapping[str, Variable]
_FLAG: Final = Field("yes_no", "")
_TEXT: Final = Field("text", "")
_NUMBER: Final = Field("number", "")


@dataclass(slots=True)
class _Checker:
    faults: list[SyntaxFault] = field(default_factory=list)
    cost: int = 0
    output: int = 0

    def fault(self, node: nodes.Node, message: str) -> None:
        self.faults.append(SyntaxFault(node.lineno or 1, message))

    def refuse(self, node: nodes.Node) -> None:
        name = _NAMES.get(type(node), type(node).__name__.lower())
        self.fault(node, f"A template cannot use {name}. {_ALLOWED}")

    def statements(self, body: list[nodes.Node], scope: Scope, *, depth: int, rounds: int) -> None:
        for node in body:
            if depth > _MAX_STATEMENT_DEPTH:
                self.fault(node, f"Statements are nested at most {_MAX_STATEMENT_DEPTH} deep.")
                return
            if len(self.faults) >= _MAX_FAULTS:
                return
            match node:
                case nodes.Output():
                    for part in node.nodes:
                        self._output(part, scope, rounds)
                case nodes.If():
                    self._condition(node, scope, depth, rounds)
                case nodes.For():
                    self._loop(node, scope, depth, rounds)
                case _:
                    self.refuse(node)

    def _output(self, node: nodes.Expr, scope: Scope, rounds: int) -> None:
        if isinstance(node, nodes.TemplateData):
            self.output += rounds * len(node.data)
            return
        found = self.expression(node, scope, depth=0, rounds=rounds)
        self.output += rounds * MAX_VALUE_LENGTH
        match found:
            case Listing():
                self.fault(node, "This is a list: walk it with {% for item in ... %}.")
            case Group():
                self.fault(node, f"This has parts; write one of them: {', '.join(found.fields)}.")
            case Field(kind="yes_no"):
                self.fault(node, "This is yes or no: ask for it with {% if %}.")
            case Field(kind="block") if not isinstance(node, nodes.Name):
                self.fault(node, "A block stands alone: {{ invoice_table }}.")
            case _:
                pass

    def _condition(self, node: nodes.If, scope: Scope, depth: int, rounds: int) -> None:
        self._truth(node.test, scope, depth=0, rounds=rounds)
        self.statements(node.body, scope, depth=depth + 1, rounds=rounds)
        for branch in node.elif_:
            self._truth(branch.test, scope, depth=0, rounds=rounds)
            self.statements(branch.body, scope, depth=depth + 1, rounds=rounds)
        self.statements(node.else_, scope, depth=depth + 1, rounds=rounds)

    def _loop(self, node: nodes.For, scope: Scope, depth: int, rounds: int) -> None:
        walked = self.expression(node.iter, scope, depth=0, rounds=rounds)
        if rounds > 1:
            self.fault(node, "A {% for %} cannot stand within another.")
            return
        if node.recursive:
            self.fault(node, "A {% for %} cannot be recursive.")
        if not isinstance(walked, Listing) or not isinstance(node.iter, nodes.Name):
            lists = ", ".join(name for name, variable in VARIABLES.items() if isinstance(variable, Listing))
            self.fault(node, f"A {{% for %}} walks one of the lists: {lists}.")
            return
        if not isinstance(node.target, nodes.Name) or node.target.name in VARIABLES or node.target.name == "loop":
            self.fault(node, "A {% for %} names one item, by a name that no variable has.")
            return
        inner = {**scope, node.target.name: walked.item}
        if node.test is not None:
            self._truth(node.test, inner, depth=0, rounds=MAX_LOOP_ROUNDS)
        self.statements(node.body, {**inner, "loop": LOOP}, depth=depth + 1, rounds=MAX_LOOP_ROUNDS)
        self.statements(node.else_, scope, depth=depth + 1, rounds=rounds)

    def _truth(self, node: nodes.Node, scope: Scope, *, depth: int, rounds: int) -> None:
        found = self.expression(node, scope, depth=depth, rounds=rounds)
        if isinstance(found, Field) and found.kind == "block":
            self.fault(node, "A block cannot be asked for; it stands alone: {{ invoice_table }}.")

    def expression(self, node: nodes.Node, scope: Scope, *, depth: int, rounds: int) -> Variable | None:
        """The kind of an expression; None after a fault."""
        self.cost += rounds
        if depth > _MAX_EXPRESSION_DEPTH:
            self.fault(node, "This expression is nested too deeply.")
            return None
        match node:
            case nodes.Name():
                return self._name(node, scope)
            case nodes.Getattr():
                return self._part(node, scope, depth, rounds)
            case nodes.Const() | nodes.Neg():
                return self._literal(node)
            case nodes.Filter():
                return self._filter(node, scope, depth, rounds)
            case _:
                return self._logic(node, scope, depth, rounds)

    def _logic(self, node: nodes.Node, scope: Scope, depth: int, rounds: int) -> Variable | None:
        match node:
            case nodes.Compare():
                return self._comparison(node, scope, depth, rounds)
            case nodes.Not():
                self._truth(node.node, scope, depth=depth + 1, rounds=rounds)
                return _FLAG
            case nodes.And() | nodes.Or():
                sides = (node.left, node.right)
                found = [self.expression(side, scope, depth=depth + 1, rounds=rounds) for side in sides]
                return self._either(node, found)
            case nodes.CondExpr():
                return self._choice(node, scope, depth, rounds)
            case _:
                self.refuse(node)
                return None

    def _name(self, node: nodes.Name, scope: Scope) -> Variable | None:
        found = scope.get(node.name) or VARIABLES.get(node.name)
        if found is None:
            self.fault(node, f"There is no variable `{node.name[:50]}`. {_ALLOWED}")
        return found

    def _part(self, node: nodes.Getattr, scope: Scope, depth: int, rounds: int) -> Variable | None:
        owner = self.expression(node.node, scope, depth=depth + 1, rounds=rounds)
        if owner is None:
            return None
        if not isinstance(owner, Group):
            self.fault(node, f"This has no parts, so no `.{node.attr[:50]}`.")
            return None
        found = owner.fields.get(node.attr)
        if found is None:
            self.fault(node, f"There is no `{node.attr[:50]}` here; there are: {', '.join(owner.fields)}.")
        return found

    def _literal(self, node: nodes.Node) -> Variable | None:
        value = node.value if isinstance(node, nodes.Const) else getattr(getattr(node, "node", None), "value", None)
        if isinstance(value, bool):
            return _FLAG
        if isinstance(value, int) and abs(value) <= _MAX_NUMBER:
            return _NUMBER
        if isinstance(value, str) and isinstance(node, nodes.Const):
            self.output += len(value) * MAX_LOOP_ROUNDS
            return _TEXT
        self.fault(node, f'Write a text in quotes or a whole number up to {_MAX_NUMBER}: "..." or 15.')
        return None

    def _filter(self, node: nodes.Filter, scope: Scope, depth: int, rounds: int) -> Variable | None:
        known = FILTERS.get(node.name)
        if known is None:
            self.fault(node, f"There is no filter `{node.name[:50]}`; there are: {', '.join(FILTERS)}.")
            return None
        if node.node is None:
            self.refuse(node)
            return None
        found = self.expression(node.node, scope, depth=depth + 1, rounds=rounds)
        if not self._takes(node, known.argument):
            return None
        if known.takes == "list":
            if found is not None and not isinstance(found, Listing):
                self.fault(node, f"`{node.name}` counts a list.")
            return _NUMBER
        if found is not None and not (isinstance(found, Field) and found.kind == "text"):
            self.fault(node, f"`{node.name}` changes a text.")
        return _TEXT

    def _takes(self, node: nodes.Filter, argument: type[str] | type[int] | None) -> bool:
        wanted = 0 if argument is None else 1
        literal = node.args[0] if len(node.args) == 1 else None
        is_right = len(node.args) == wanted and not (node.kwargs or node.dyn_args or node.dyn_kwargs)
        if is_right and argument is not None:
            is_right = isinstance(literal, nodes.Const) and type(literal.value) is argument
            if is_right and isinstance(literal, nodes.Const):
                is_right = self._literal(literal) is not None
        if not is_right:
            self.fault(node, f"Not so: {FILTERS[node.name].description}")
        return is_right

    def _comparison(self, node: nodes.Compare, scope: Scope, depth: int, rounds: int) -> Variable | None:
        sides = [node.expr, *(operand.expr for operand in node.ops)]
        found = [self.expression(side, scope, depth=depth + 1, rounds=rounds) for side in sides]
        kinds = {side.kind if isinstance(side, Field) else "" for side in found if side is not None}
        operators = {operand.op for operand in node.ops}
        if not operators <= {"eq", "ne", "lt", "lteq", "gt", "gteq"}:
            self.fault(node, "Compare with ==, !=, <, <=, > and >= alone.")
        elif not (kinds <= {"number"} or (kinds <= {"text"} and operators <= {"eq", "ne"})):
            self.fault(node, "Compare numbers with numbers; texts only with == and !=.")
        return _FLAG

    def _choice(self, node: nodes.CondExpr, scope: Scope, depth: int, rounds: int) -> Variable | None:
        self._truth(node.test, scope, depth=depth + 1, rounds=rounds)
        if node.expr2 is None:
            self.fault(node, "Say what else: {{ a if b else c }}.")
            return None
        sides = [self.expression(side, scope, depth=depth + 1, rounds=rounds) for side in (node.expr1, node.expr2)]
        return self._either(node, sides)

    def _either(self, node: nodes.Expr, sides: list[Variable | None]) -> Variable | None:
        if any(isinstance(side, Field) and side.kind == "block" for side in sides):
            self.fault(node, "A block stands alone: {{ invoice_table }}.")
            return None
        if None in sides:
            return None
        kinds = {side.kind if isinstance(side, Field) else "" for side in sides}
        # Of several kinds, only whether there is anything can be asked.
        return sides[0] if kinds in ({"text"}, {"number"}) else _FLAG
