"""Names that somebody may have meant."""

from collections.abc import Iterable
from difflib import get_close_matches

_NEAR, _LISTED = 3, 10


def hint(name: str, known: Iterable[str], *, what: str = "") -> str:
    """A sentence that names the nearest of those that there are; empty when there is none."""
    there = sorted(set(known))
    by_folded = {one.casefold(): one for one in there}
    if near := [by_folded[one] for one in get_close_matches(name.casefold(), by_folded, n=_NEAR)]:
        return f"Did you mean {' or '.join(near)}?"
    if len(there) > _LISTED:
        return f"There are {len(there)} {what}, such as {', '.join(there[:_NEAR])}."
    return f"There {'is' if len(there) == 1 else 'are'} {', '.join(there)}." if there else ""
