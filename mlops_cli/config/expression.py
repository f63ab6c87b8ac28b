"""The small language of derived features: what may be written, checked before anything is read.

Arithmetic, comparisons, `and`, `or`, `not`, `a if c else b` and a few functions over the features
of a model. It is Python's syntax, of which everything else is refused; nothing is executed here.
"""

import ast
from collections.abc import Mapping
from typing import Literal

Kind = Literal["number", "text"]
LONGEST = 300
_LARGEST = 10**300
#: Functions of numbers, with how many arguments they take.
FUNCTIONS = {
    "abs": (1, 1), "floor": (1, 1), "ceil": (1, 1), "round": (1, 1), "log": (1, 1), "exp": (1, 1),
    "sqrt": (1, 1), "min": (2, 9), "max": (2, 9),
}  # fmt: skip
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
_COMPARISONS = (ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE)


def parse(text: str) -> ast.expr:
    """Return the syntax tree of an expression.

    Raises:
        ValueError: It is no expression, or too long.

    >>> ast.unparse(parse("weight / height**2"))
    'weight / height ** 2'
    """
    if len(text) > LONGEST:
        raise ValueError(f"an expression has at most {LONGEST} characters")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{text!r} is not an expression, as weight / height**2") from error


def names(text: str) -> tuple[str, ...]:
    """Return the features that an expression uses, in the order they are first named.

    >>> names("weight / height**2 if missing(waist) else min(weight, 90)")
    ('weight', 'height', 'waist')
    """
    tree = parse(text)
    called = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    used = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node not in called]
    used.sort(key=lambda node: (node.lineno, node.col_offset))
    return tuple(dict.fromkeys(node.id for node in used))


def kind_of(tree: ast.expr, kinds: Mapping[str, Kind]) -> Kind:  # noqa: C901, PLR0911 - a case a form
    """Return what an expression gives, numbers or text, and refuse what it may not hold.

    Args:
        tree: From `parse`.
        kinds: The features it may name.

    Raises:
        ValueError: A name is unknown, something is not allowed, or numbers and text are mixed.

    >>> kind_of(parse("'old' if age >= 55 else 'young'"), {"age": "number"})
    'text'
    """
    match tree:
        case ast.Constant(value=bool() | int() | float() as number) if abs(number) < _LARGEST:
            return "number"
        case ast.Constant(value=str()):
            return "text"
        case ast.Name(id=name):
            if name not in kinds:
                raise ValueError(f"no feature {name!r}; known: {', '.join(sorted(kinds))}")
            return kinds[name]
        case ast.UnaryOp(op=ast.USub() | ast.Not(), operand=operand):
            return _numbers([operand], kinds)
        case ast.BinOp(left=left, op=operator, right=right) if isinstance(operator, _OPERATORS):
            return _numbers([left, right], kinds)
        case ast.BoolOp(values=values):
            return _numbers(values, kinds)
        case ast.Compare(ops=operators, left=left, comparators=others):
            return _compared(operators, [left, *others], kinds)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            _numbers([test], kinds)
            return _same([body, orelse], kinds)
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return _called(name, arguments, kinds)
    raise ValueError(f"{ast.unparse(tree)[:60]!r} is not allowed in an expression")


def _numbers(trees: list[ast.expr], kinds: Mapping[str, Kind]) -> Kind:
    for tree in trees:
        if kind_of(tree, kinds) != "number":
            raise ValueError(f"{ast.unparse(tree)[:60]!r} is text where a number belongs")
    return "number"


def _same(trees: list[ast.expr], kinds: Mapping[str, Kind]) -> Kind:
    first, *others = (kind_of(tree, kinds) for tree in trees)
    if any(other != first for other in others):
        said = " and ".join(repr(ast.unparse(tree)[:30]) for tree in trees)
        raise ValueError(f"{said}: one is text and one a number")
    return first


def _compared(operators: list[ast.cmpop], trees: list[ast.expr], kinds: Mapping[str, Kind]) -> Kind:
    if not all(isinstance(operator, _COMPARISONS) for operator in operators):
        raise ValueError("comparisons are ==, !=, <, <=, > and >=")
    ordered = any(not isinstance(operator, ast.Eq | ast.NotEq) for operator in operators)
    if _same(trees, kinds) == "text" and ordered:
        raise ValueError("text is compared by == and != only")
    return "number"


def _called(name: str, arguments: list[ast.expr], kinds: Mapping[str, Kind]) -> Kind:
    if name == "missing" and len(arguments) == 1:
        kind_of(arguments[0], kinds)
        return "number"
    low, high = FUNCTIONS.get(name, (1, 0))
    if not low <= len(arguments) <= high:
        known = ", ".join(["missing", *sorted(FUNCTIONS)])
        raise ValueError(f"no function {name!r} of {len(arguments)} arguments; known: {known}")
    return _numbers(arguments, kinds)
