"""One operation of a request: read, checked against the schema, answered by its function.

SECURITY: a request is one operation with one field at its root, of bounded size, so that it costs what one REST request costs, and
is allowed or refused as a whole. A change that fails leaves nothing.
"""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLSchema,
    GraphQLUnionType,
    OperationDefinitionNode,
    OperationType,
    build_schema,
    execute,
    get_named_type,
    parse,
    validate,
)

from controlplane.delivery.dagster_cloud.caller import Caller
from controlplane.delivery.dagster_cloud.errors import as_member
from controlplane.delivery.dagster_cloud.operations import IN_STEPS, MUTATIONS, QUERIES, why_not
from tenants.errors import AppError, InvalidError
from tenants.organization_states import check_writable
from tenants.scoping import org_scope

# The client's longest query has a tenth of these.
_TOKENS_MAX = 2_000
_TEXT_MAX = 50_000
_UPPER = re.compile(r"(?<!^)(?=[A-Z])")


def answer(caller: Caller, body: Any) -> dict[str, Any]:
    """`{"data": …}` of the body `{"query": …, "variables": …}`; InvalidError about a request that is none of ours."""
    text, variables, name = _parts(body)
    document = _parsed(text)
    operation = _operation(document, name)
    _check_field(operation)
    problems = validate(_schema(), document, max_errors=5)
    if problems:
        raise InvalidError(" ".join(problem.message for problem in problems))
    found = execute(
        _schema(), document, context_value=caller, variable_values=variables, operation_name=_name_of(operation)
    )
    assert isinstance(found, ExecutionResult)  # no function of ours is a coroutine
    _raise_first(found.errors or [])
    return {"data": found.data}


def _parts(body: Any) -> tuple[str, dict[str, Any], str | None]:
    if isinstance(body, list):
        raise InvalidError("One operation at a time: a list of them is not answered.")
    if not isinstance(body, dict) or not isinstance(body.get("query"), str):
        raise InvalidError('The body is a JSON object with the text of a GraphQL operation as "query".')
    variables, name = body.get("variables") or {}, body.get("operationName")
    if not isinstance(variables, dict) or not (name is None or isinstance(name, str)):
        raise InvalidError('"variables" is an object, "operationName" is text.')
    return body["query"], variables, name


def _parsed(text: str) -> DocumentNode:
    if len(text) > _TEXT_MAX:
        raise InvalidError(f"The operation is longer than {_TEXT_MAX} characters. Pass values as variables.")
    try:
        return parse(text, no_location=True, max_tokens=_TOKENS_MAX)
    except GraphQLError as error:
        raise InvalidError(error.message) from error
    except RecursionError as error:
        raise InvalidError("The operation is nested too deeply.") from error


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    found = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    wanted = [one for one in found if name is None or _name_of(one) == name]
    if len(wanted) != 1:
        raise InvalidError("The text has one operation, or operationName says which is meant.")
    if wanted[0].operation == OperationType.SUBSCRIPTION:
        raise InvalidError("There are no subscriptions here.")
    return wanted[0]


def _name_of(operation: OperationDefinitionNode) -> str | None:
    return operation.name.value if operation.name else None


def _check_field(operation: OperationDefinitionNode) -> None:
    fields = operation.selection_set.selections
    if len(fields) != 1 or not isinstance(fields[0], FieldNode):
        raise InvalidError("An operation asks for one field at its root.")
    known = MUTATIONS if operation.operation == OperationType.MUTATION else QUERIES
    if fields[0].name.value not in known:
        raise InvalidError(why_not(fields[0].name.value))


def _raise_first(errors: list[GraphQLError]) -> None:
    """What a function raised is raised on: errors of ours are answered, and faults of ours are not told to anybody."""
    for error in errors:
        if error.original_error is not None and not isinstance(error.original_error, GraphQLError):
            raise error.original_error
        raise InvalidError(error.message)


@cache
def _schema() -> GraphQLSchema:
    schema = build_schema((Path(__file__).parent / "schema.graphql").read_text())
    assert schema.query_type is not None  # they are in the file
    assert schema.mutation_type is not None
    for name, field in schema.query_type.fields.items():
        _answer_with(field, _in_scope(QUERIES[name]))
    for name, field in schema.mutation_type.fields.items():
        change = MUTATIONS[name] if name in IN_STEPS else _in_scope(MUTATIONS[name])
        _answer_with(field, _changing(change))
    return schema


def _answer_with(field: GraphQLField, function: Callable[..., Any]) -> None:
    for name, argument in field.args.items():
        argument.out_name = _UPPER.sub("_", name).lower()
    kind = get_named_type(field.type)
    members = frozenset(member.name for member in kind.types) if isinstance(kind, GraphQLUnionType) else frozenset()

    def resolve(_root: Any, info: Any, **arguments: Any) -> Any:
        caller: Caller = info.context
        try:
            _check_text(arguments)
            return function(caller, **arguments)
        except AppError as error:
            found = as_member(error, members)
            if found is None:
                raise
            return found

    field.resolve = resolve


def _in_scope(function: Callable[..., Any]) -> Callable[..., Any]:
    def scoped(caller: Caller, **arguments: Any) -> Any:
        with org_scope(caller.org_id):
            return function(caller, **arguments)

    return scoped


def _check_text(value: Any) -> None:
    """Postgres has no text with NUL in it."""
    if isinstance(value, str) and "\0" in value:
        raise InvalidError("A NUL character is in no text of ours.")
    if isinstance(value, dict):
        _check_text(list(value.keys()))
        _check_text(list(value.values()))
    elif isinstance(value, list):
        for part in value:
            _check_text(part)


def _changing(function: Callable[..., Any]) -> Callable[..., Any]:
    def change(caller: Caller, **arguments: Any) -> Any:
        check_writable(caller.access.org)
        return function(caller, **arguments)

    return change
