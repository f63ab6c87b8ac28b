"""Derived features: the expressions of config.yaml, over whole columns at once.

The same code runs for a training set, one entity online, a scored file and a drift check.
Whatever is computed from a missing value is missing, unless `missing(x)` asks; `and` and `or`
decide as far as the known side allows (Kleene 1952). A number that is not finite is missing.
"""

import ast
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlops_cli.config.expression import parse

Column = NDArray[Any]
_ARITHMETIC: dict[type[ast.operator], Callable[..., Column]] = {
    ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.divide,
    ast.FloorDiv: np.floor_divide, ast.Mod: np.mod, ast.Pow: np.power,
}  # fmt: skip
_COMPARE: dict[type[ast.cmpop], Callable[..., Column]] = {
    ast.Eq: np.equal, ast.NotEq: np.not_equal, ast.Lt: np.less, ast.LtE: np.less_equal,
    ast.Gt: np.greater, ast.GtE: np.greater_equal,
}  # fmt: skip
_FUNCTIONS: dict[str, Callable[..., Column]] = {
    "abs": np.abs, "floor": np.floor, "ceil": np.ceil, "round": np.round, "log": np.log,
    "exp": np.exp, "sqrt": np.sqrt, "min": np.minimum, "max": np.maximum,
}  # fmt: skip


def evaluate(text: str, columns: Mapping[str, Column], rows: int) -> Column:
    """Return the values of an expression, shape (rows,): float64 with NaN, or str with None.

    Args:
        text: An expression that the configuration has accepted.
        columns: The features it names: float64 with NaN, or objects with None.
        rows: How many.

    >>> evaluate("weight / height**2", {"weight": np.array([80.0, np.nan, 1.0]),
    ...                                 "height": np.array([2.0, 2.0, 0.0])}, 3)
    array([20., nan, nan])
    """
    with np.errstate(all="ignore"):
        return _value(parse(text), columns, rows)


def _value(  # noqa: C901, PLR0911 - a case for each form
    tree: ast.expr, columns: Mapping[str, Column], rows: int
) -> Column:
    def value(part: ast.expr) -> Column:
        return _value(part, columns, rows)

    match tree:
        case ast.Constant(value=str() as word):
            return np.full(rows, word, dtype=object)
        case ast.Constant(value=bool() | int() | float() as number):
            return np.full(rows, float(number))
        case ast.Name(id=name):
            return columns[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -value(operand)
        case ast.UnaryOp(operand=operand):
            return _truth(value(operand) == 0, value(operand))
        case ast.BinOp(left=left, op=operator, right=right):
            return _finite(_ARITHMETIC[type(operator)](value(left), value(right)))
        case ast.BoolOp(op=operator, values=parts):
            return _joined(isinstance(operator, ast.And), [value(part) for part in parts])
        case ast.Compare(left=left, ops=operators, comparators=others):
            sides = [value(part) for part in (left, *others)]
            links = [
                _truth(_COMPARE[type(sign)](one, two), one, two)
                for sign, one, two in zip(operators, sides, sides[1:], strict=False)
            ]
            return _joined(True, links)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _chosen(value(test), value(body), value(orelse))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _called(name, [value(each) for each in arguments])
    raise AssertionError(f"the configuration has let {ast.dump(tree)} pass")


def _absent(column: Column) -> NDArray[np.bool_]:
    if column.dtype == object:
        return np.array([cell is None for cell in column], dtype=bool)
    return np.isnan(column)


def _truth(said: Column, *operands: Column) -> Column:
    """Return 1 and 0 for true and false, missing where an operand is."""
    unknown = np.any([_absent(each) for each in operands], axis=0)
    return np.where(unknown, np.nan, np.asarray(said, dtype=float))


def _joined(all_of: bool, parts: list[Column]) -> Column:
    """Return `and` or `or`: one false (or true) side decides, whatever is unknown."""
    known = [np.where(np.isnan(each), np.nan, each != 0) for each in parts]
    deciding = 0.0 if all_of else 1.0
    decided = np.any([each == deciding for each in known], axis=0)
    unknown = np.any([np.isnan(each) for each in known], axis=0)
    return np.where(decided, deciding, np.where(unknown, np.nan, 1 - deciding))


def _chosen(test: Column, body: Column, orelse: Column) -> Column:
    nothing: Any = None if body.dtype == object else np.nan
    return np.where(np.isnan(test), nothing, np.where(test != 0, body, orelse))


def _called(name: str, arguments: list[Column]) -> Column:
    if name == "missing":
        return _absent(arguments[0]).astype(float)
    if name in {"min", "max"}:
        result = arguments[0]
        for other in arguments[1:]:
            result = _FUNCTIONS[name](result, other)
        return result
    return _finite(_FUNCTIONS[name](arguments[0]))


def _finite(numbers: Column) -> Column:
    return np.where(np.isfinite(numbers), numbers, np.nan)
