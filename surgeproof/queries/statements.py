"""What a statement of pg_stat_statements does, by its syntax tree; nothing of it is ever run.

A text there is anybody's: it may hold a second statement, a password, or what switches modes. So
only its tree is used. What is planned is a SELECT that is printed from the tree (of an UPDATE or
DELETE: one with the same tables and conditions) and reads back as that very tree.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from pglast import ast, normalize, parse_sql
from pglast.enums import A_Expr_Kind, BoolExprType, JoinType
from pglast.parser import ParseError
from pglast.stream import RawStream

from surgeproof.escaping import visible

CHARACTERS_MAX: Final = 20_000
"""Length of a statement above which it is not parsed (characters)."""

_SHOWN_MAX: Final = 400


class Use(Enum):
    """How a statement compares a column."""

    EQUAL = "equal"
    """With one value, or with several of which one has to match."""
    RANGE = "range"
    ORDER = "order"


@dataclass(frozen=True, slots=True)
class Table:
    """A table as a statement names it."""

    schema: str
    """Empty where the statement leaves it to the search path."""
    name: str
    alias: str


@dataclass(frozen=True, slots=True)
class Compared:
    """A column, or an expression of one table's columns, that decides which rows are read."""

    alias: str
    """Name of the table in the statement; empty where the statement gives none."""
    expression: str
    """The column's name, or the expression as an index takes it: `lower(email)`."""
    use: Use
    is_column: bool = True
    to_value: bool = True
    """Whether it is compared with a value, and not with another column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """What is known of a statement."""

    kind: str
    """`SELECT`, `UPDATE`, ...; of others the name of their node, such as `AlterRole`."""
    shown: str
    """The statement without constants; of one that is no query its kind alone."""
    tables: tuple[Table, ...] = ()
    compared: tuple[Compared, ...] = ()
    functions: frozenset[str] = frozenset()
    """Names of the functions that it calls, without schemas."""
    operators: frozenset[str] = frozenset()
    select: str = ""
    """What can be planned in its place; empty where `reason` says why nothing can."""
    parameters: int = 0
    """How many parameters `select` has."""
    reason: str = ""
    has_limit: bool = False
    outputs: frozenset[str] = frozenset()
    """Columns that its result is made of; `*` for all of a table."""

    @property
    def is_query(self) -> bool:
        """Whether it reads or changes rows."""
        return self.kind in _QUERIES

    @property
    def reads_catalogue(self) -> bool:
        """Whether it reads the catalogue or statistics alone, as monitoring does."""
        if not self.tables:
            return any(each.startswith("hypopg_") for each in self.functions)
        return all(
            each.schema in {"pg_catalog", "information_schema"} or each.name.startswith("pg_")
            for each in self.tables
        )


_QUERIES: Final = {"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"}
_KINDS: Final = {
    ast.SelectStmt: "SELECT",
    ast.InsertStmt: "INSERT",
    ast.UpdateStmt: "UPDATE",
    ast.DeleteStmt: "DELETE",
    ast.MergeStmt: "MERGE",
}
_WRITES: Final = (ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt, ast.MergeStmt)
_RANGE: Final = {"<", "<=", ">", ">="}
_MIRRORED: Final = {A_Expr_Kind.AEXPR_BETWEEN, A_Expr_Kind.AEXPR_BETWEEN_SYM}


def parse(text: str) -> Parsed:
    """Return what a statement does; never raises for what it holds."""
    try:
        return _parse(text)
    except RecursionError:
        return _unknown(text, "it is nested too deeply")


def _parse(text: str) -> Parsed:
    if len(text) > CHARACTERS_MAX:
        return _unknown(text, f"it has more than {CHARACTERS_MAX:,} characters")
    try:
        trees = parse_sql(text)
    except (ParseError, ValueError):
        return _unknown(text, "it cannot be parsed")  # what the parser says may quote a secret
    if len(trees) != 1:
        return _unknown(text, f"it is {len(trees)} statements, and not one")
    tree = trees[0].stmt
    kind = _KINDS.get(type(tree))
    if kind is None:
        name = type(tree).__name__.removesuffix("Stmt")
        return Parsed(kind=name, shown=f"({name})", reason="it is no query")
    nodes = list(_nodes(tree))
    tables = tuple(_tables(nodes))
    functions = frozenset(
        str(each.funcname[-1].sval) for each in nodes if isinstance(each, ast.FuncCall)
    )
    operators = frozenset(
        str(each.name[-1].sval) for each in nodes if isinstance(each, ast.A_Expr) and each.name
    )
    try:
        shown = visible(" ".join(normalize(text).split()))
    except (ParseError, ValueError):
        shown = f"({kind})"
    select, parameters, reason = _planned(tree, nodes)
    return Parsed(
        kind=kind,
        shown=shown if len(shown) <= _SHOWN_MAX else f"{shown[: _SHOWN_MAX - 3]}...",
        tables=tables,
        compared=tuple(dict.fromkeys(_comparisons(nodes))),
        functions=functions,
        operators=operators,
        select=select,
        parameters=parameters,
        reason=reason,
        outputs=frozenset(_outputs(tree)),
        has_limit=any(
            isinstance(each, ast.SelectStmt) and each.limitCount is not None for each in nodes
        ),
    )


def _unknown(text: str, reason: str) -> Parsed:
    """Return a statement of which nothing but its first word may be shown."""
    first = "".join(char for char in text.lstrip()[:20].partition(" ")[0] if char.isalpha())
    return Parsed(kind="unknown", shown=f"({first.upper() or '?'} ...)", reason=reason)


def _nodes(node: Any) -> Iterator[Any]:
    """Yield a node and all below it, those that are written first first."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, ast.Node):
            yield each
            waiting += [getattr(each, name) for name in reversed(tuple(each))]
        elif isinstance(each, list | tuple):
            waiting += reversed(each)


def _outputs(tree: Any) -> Iterator[str]:
    """Yield the columns of a SELECT's result, also where they are parts of expressions."""
    if isinstance(tree, ast.SelectStmt):
        for each in _nodes(tree.targetList):
            if isinstance(each, ast.ColumnRef):
                last = each.fields[-1]
                yield last.sval if isinstance(last, ast.String) else "*"


def _tables(nodes: list[Any]) -> Iterator[Table]:
    own = {each.ctename for each in nodes if isinstance(each, ast.CommonTableExpr)}
    for each in nodes:
        if isinstance(each, ast.RangeVar) and (each.schemaname or each.relname not in own):
            alias = each.alias.aliasname if each.alias else each.relname
            yield Table(each.schemaname or "", each.relname, alias)


def _planned(tree: Any, nodes: list[Any]) -> tuple[str, int, str]:
    """Return the SELECT to plan, how many parameters it has, and why there is none."""
    if any(isinstance(each, _WRITES) for each in nodes if each is not tree):
        return "", 0, "a WITH of it writes"
    if any(getattr(each, "intoClause", None) for each in nodes):
        return "", 0, "it makes a table"
    select = _select_of(tree)
    if select is None:
        return "", 0, "it reads no table"
    # A copy: what is changed below must not change what else is read from the tree.
    copied = parse_sql(RawStream()(select))[0].stmt
    numbers: dict[int, int] = {}
    for each in _nodes(copied):
        match each:
            case ast.SelectStmt():
                each.lockingClause = None  # a plan needs no right to lock
            case ast.ParamRef():
                each.number = numbers.setdefault(each.number, len(numbers) + 1)
            case ast.FuncCall() if each.funcname[-1].sval == "extract":
                # EXTRACT(field FROM x) takes no parameter as its field, the function does.
                each.funcformat = 0
    if not any(isinstance(each, ast.RangeVar) for each in _nodes(copied)):
        return "", 0, "it reads no table"
    text = RawStream()(copied)
    again = parse_sql(text)
    if len(again) != 1 or not isinstance(again[0].stmt, ast.SelectStmt) or again[0].stmt != copied:
        return "", 0, "its tree cannot be printed as it is"
    if any(isinstance(each, _WRITES) for each in _nodes(again[0].stmt)):
        return "", 0, "it writes"
    return text, len(numbers), ""


def _select_of(tree: Any) -> Any:
    """Return a SELECT that reads the rows that a statement reads; None where it reads none."""
    match tree:
        case ast.SelectStmt():
            return tree
        case ast.InsertStmt():
            source = tree.selectStmt
            if source is None or source.valuesLists:
                return None
            if tree.withClause and not source.withClause:
                source.withClause = tree.withClause
            return source
        case ast.UpdateStmt():
            more, where = tree.fromClause or (), tree.whereClause
        case ast.DeleteStmt():
            more, where = tree.usingClause or (), tree.whereClause
        case ast.MergeStmt():
            joined = ast.JoinExpr(
                jointype=JoinType.JOIN_LEFT,
                larg=tree.sourceRelation,
                rarg=tree.relation,
                quals=tree.joinCondition,
            )
            return _one(tree, (joined,), None)
        case _:
            return None
    return _one(tree, (tree.relation, *more), where)


def _one(tree: Any, sources: tuple[Any, ...], where: Any) -> Any:
    one = ast.ResTarget(val=ast.A_Const(val=ast.Integer(ival=1)))
    return ast.SelectStmt(
        targetList=(one,),
        fromClause=sources,
        whereClause=where,
        withClause=tree.withClause,
        op=0,
        limitOption=0,
    )


def _comparisons(nodes: list[Any]) -> Iterator[Compared]:
    """Yield the comparisons that all rows of a result have passed, and the orders."""
    for each in nodes:
        for name in ("whereClause", "quals", "joinCondition"):
            yield from _terms(getattr(each, name, None))
        if isinstance(each, ast.SelectStmt):
            for order in each.sortClause or ():
                if found := _operand(order.node):
                    yield Compared(found[0], found[1], Use.ORDER, found[2])


def _terms(condition: Any) -> Iterator[Compared]:
    match condition:
        case ast.BoolExpr() if condition.boolop == BoolExprType.AND_EXPR:
            for each in condition.args:
                yield from _terms(each)
        case ast.A_Expr():
            yield from _of_operator(condition)


def _of_operator(node: Any) -> Iterator[Compared]:
    name = node.name[-1].sval
    if node.kind in _MIRRORED:
        use: Use | None = Use.RANGE
    elif name == "=" and node.kind in {
        A_Expr_Kind.AEXPR_OP,
        A_Expr_Kind.AEXPR_IN,
        A_Expr_Kind.AEXPR_OP_ANY,
    }:
        use = Use.EQUAL
    elif name in _RANGE and node.kind == A_Expr_Kind.AEXPR_OP:
        use = Use.RANGE
    else:
        use = None
    if use is None:
        return
    sides = [_operand(node.lexpr)]
    if node.kind == A_Expr_Kind.AEXPR_OP:
        sides.append(_operand(node.rexpr))
    both = all(side is not None for side in sides) and len(sides) == 2
    for side in sides:
        if side is not None:
            yield Compared(side[0], side[1], use, side[2], to_value=not both)


def _operand(node: Any) -> tuple[str, str, bool] | None:
    """Return alias, expression and whether it is a plain column; None for what holds no column."""
    if isinstance(node, ast.ColumnRef):
        names = [each.sval for each in node.fields if isinstance(each, ast.String)]
        if len(names) != len(node.fields):
            return None
        return (names[-2] if len(names) > 1 else ""), names[-1], True
    if not isinstance(node, ast.FuncCall | ast.TypeCast):
        return None
    inside = list(_nodes(node))
    columns = [each for each in inside if isinstance(each, ast.ColumnRef)]
    if len(columns) != 1 or any(isinstance(each, ast.ParamRef | ast.SubLink) for each in inside):
        return None
    found = _operand(columns[0])
    if found is None:
        return None
    if isinstance(node, ast.TypeCast) and isinstance(node.arg, ast.ColumnRef):
        return None  # whether such a cast may be indexed depends on settings
    # An index names columns without their table.
    tree = parse_sql(f"SELECT {RawStream()(node)}")[0].stmt.targetList[0].val
    for each in _nodes(tree):
        if isinstance(each, ast.ColumnRef):
            each.fields = each.fields[-1:]
    return found[0], RawStream()(tree), False
