"""Lists of Users and Groups: filter, sort, page. The library evaluates filters; what a database finds by an index, it finds first."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from scim2_models import ListResponse, ScimFilter, SearchRequest
from scim2_models.path import AttrPath, CompareOperator, Comparison, FilterNode, LogicalExpr, LogicalOperator

from tenants.models import Membership, Team
from tenants.scim.resources import groups, users
from tenants.scim.schemas import DEFAULT_RESULTS, MAX_RESULTS, Group, Member

# Resources that are made at a time while a filter looks at all of them.
_CHUNK = 500


@dataclass(frozen=True)
class Kind:
    """How resources of one type are read: their rows in order, rows to resources, and equalities that columns answer."""

    model: Any
    rows: QuerySet[Any]
    resources: Callable[[list[Any]], list[Any]]
    columns: dict[str, Callable[[str], Q]]


def user_kind(org_id: UUID, *, base: str) -> Kind:
    """The members of an organization. Call it, and what follows, inside org_scope."""
    return Kind(
        model=Member,
        rows=Membership.objects.for_org(org_id).select_related("user").order_by("id"),
        resources=lambda rows: users(rows, base=base),
        columns={
            "username": lambda value: Q(user_name__iexact=value) | Q(user_name=None, user__email__iexact=value),
            "externalid": lambda value: Q(external_id=value),
            "id": _by_id,
        },
    )


def group_kind(org_id: UUID, *, base: str, asked: SearchRequest[Any]) -> Kind:
    """The teams of an organization; their members are read only when somebody asks for them."""
    with_members = asked.filter is not None or _wants(asked, "members")
    return Kind(
        model=Group,
        rows=Team.objects.for_org(org_id).order_by("id"),
        resources=lambda rows: groups(rows, base=base, with_members=with_members),
        columns={
            "displayname": lambda value: Q(name__iexact=value),
            "externalid": lambda value: Q(external_id=value),
            "id": _by_id,
        },
    )


def _by_id(value: str) -> Q:
    try:
        return Q(id=UUID(value))
    except ValueError:
        return Q(pk__in=[])


def _wants(asked: SearchRequest[Any], name: str) -> bool:
    if asked.attributes:
        return any(str(path).rpartition(":")[2].partition(".")[0].lower() == name for path in asked.attributes)
    return not any(str(path).rpartition(":")[2].lower() == name for path in asked.excluded_attributes or [])


def page(kinds: list[Kind], asked: SearchRequest[Any]) -> Any:
    """The answer to a query over one or several types of resources."""
    start = asked.start_index_0 or 0
    count = min(DEFAULT_RESULTS if asked.count is None else asked.count, MAX_RESULTS)
    if asked.filter is None and asked.sort_by is None:
        total, found = _slice(kinds, start, count)
    else:
        matching = asked.sort([resource for kind in kinds for resource in _matching(kind, asked)])
        total, found = len(matching), matching[start : start + count]
    union: Any = kinds[0].model if len(kinds) == 1 else kinds[0].model | kinds[1].model
    answer: Any = ListResponse[union]
    return answer(total_results=total, start_index=start + 1, items_per_page=len(found), resources=found)


def _slice(kinds: list[Kind], start: int, count: int) -> tuple[int, list[Any]]:
    total = 0
    found: list[Any] = []
    for kind in kinds:
        size = kind.rows.count()
        begin, room = max(0, start - total), count - len(found)
        if room > 0 and begin < size:
            found += kind.resources(list(kind.rows[begin : begin + room]))
        total += size
    return total, found


def _matching(kind: Kind, asked: SearchRequest[Any]) -> Iterator[Any]:
    rows = kind.rows
    if asked.filter is not None:
        for condition in _conditions(asked.filter.ast, kind):
            rows = rows.filter(condition)
    last: UUID | None = None
    while chunk := list((rows if last is None else rows.filter(id__gt=last))[:_CHUNK]):
        for resource in kind.resources(chunk):
            if asked.filter is None or _matches(asked, kind, resource):
                yield resource
        last = chunk[-1].id


def _matches(asked: SearchRequest[Any], kind: Kind, resource: Any) -> bool:
    # Bound to this one type: a filter over several is false where a type does not have the attribute.
    bound: Any = ScimFilter.__class_getitem__(kind.model)
    return bool(bound(str(asked.filter)).match(resource))


def _conditions(node: FilterNode, kind: Kind) -> Iterator[Q]:
    """Equalities that must hold for the whole filter to hold: they narrow the rows, and the filter itself decides."""
    if isinstance(node, LogicalExpr) and node.op == LogicalOperator.and_:
        for term in node.terms:
            yield from _conditions(term, kind)
    elif isinstance(node, Comparison) and node.op == CompareOperator.eq and isinstance(node.value, str):
        column = kind.columns.get(_plain_name(node.attr_path))
        if column is not None and "\0" not in node.value:
            yield column(node.value)


def _plain_name(path: AttrPath) -> str:
    return "" if path.sub_attr else path.attr.lower()
