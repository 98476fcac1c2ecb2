"""Plans that do not depend on what Postgres knows of a table: of one that was filled a moment ago it knows nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

from controlplane.core import recordsets

# Where nothing but a sort is left it is still done; its price would look high enough to compile the question first.
_SET = "SELECT set_config(name, %s, true) FROM unnest(ARRAY['enable_sort', 'enable_incremental_sort', 'jit']) name"


@contextmanager
def in_index_order() -> Iterator[None]:
    """Inside, what is asked for in an order is read along an index that has this order, however few rows Postgres expects: it would
    otherwise read and sort all of them by any index. Call it inside a transaction; without an error the settings are as usual after it.
    """
    recordsets.fetch(_SET, ["off"])
    yield
    recordsets.fetch(_SET, ["on"])
