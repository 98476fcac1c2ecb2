"""The syntax of asset selections, which a higher layer knows and registers how to check."""

from collections.abc import Callable

from tenants.errors import InvalidError

# InvalidError, which says where, unless the text is a selection.
SelectionCheck = Callable[[str], None]
_checks: list[SelectionCheck] = []


def register_selection_check(check: SelectionCheck) -> None:
    """Say how a selection is checked; called once, when the application starts."""
    _checks[:] = [check]


def check_selection(text: str) -> None:
    """InvalidError, about the target of a grant, unless the text is a selection."""
    for check in _checks:
        try:
            check(text)
        except InvalidError as error:
            raise InvalidError(error.message, attr="target_value") from error
