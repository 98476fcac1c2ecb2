"""Dagster's asset selection syntax: reading a text, and finding what it selects in an asset graph. Pure.

`key:"raw/*" and not (group:staging or tag:pii)`, with `+` before an expression for its upstreams, behind it for its downstreams
(`2+key:x` two steps far), `roots(…)`, `sinks(…)` and `*` for everything. Words are matched whole; `*` inside a value stands for any
text. `not` binds tighter than `and`, and that tighter than `or`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from controlplane.definitions.graph import AssetGraph, AssetNode
from tenants.errors import InvalidError

MAX_LENGTH = 4000
# Brackets and `not` inside one another; far more than people write, far less than the stack holds.
_MAX_DEPTH = 50
_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"(?:[^"\\\r\n]|\\.)*")|(?P<mark>[()+*:=])|(?P<word>[^\s()+*:="]+(?:\*[^\s()+*:="]*)*|(?<=[:=])\*[^\s()+:="]+))"""
)
_FUNCTIONS = frozenset({"roots", "sinks"})
_NULL = "<null>"
_TABLE_NAME = "dagster/table_name"

Selected = set[str]
Selector = Callable[[AssetGraph], Selected]


@dataclass(frozen=True)
class Selection:
    """A text that was read."""

    text: str
    select: Selector

    def keys(self, graph: AssetGraph) -> Selected:
        """The keys of the assets that it selects."""
        return self.select(graph)


@lru_cache(maxsize=512)
def parse_selection(text: str) -> Selection:
    """Read a selection; InvalidError says what is wrong, and where."""
    if len(text) > MAX_LENGTH:
        raise InvalidError(f"A selection has at most {MAX_LENGTH} characters; this has {len(text)}.", attr="selection")
    reader = _Reader(text, _tokens(text))
    select = reader.any_of()
    if not reader.is_at_end:
        raise reader.refusal("Write `and` or `or` between two parts")
    return Selection(text, select)


def check_selection(text: str) -> None:
    """InvalidError, which says where, unless the text is a selection."""
    parse_selection(text)


@dataclass(frozen=True)
class _Token:
    text: str
    # What a quoted or plain word means; for a mark the mark itself.
    value: str
    at: int
    is_word: bool
    is_quoted: bool = False

    def says(self, word: str) -> bool:
        return not self.is_quoted and self.text.lower() == word


def _tokens(text: str) -> list[_Token]:
    found, at = [], 0
    end = len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None:
            raise _refusal(text, len(text[: at + 1]) - 1, "This quotation mark is never closed")
        start = match.start(match.lastgroup or 0)
        raw = match[match.lastgroup or 0]
        if match.lastgroup == "quoted":
            found.append(_Token(raw, re.sub(r"\\(.)", r"\1", raw[1:-1]), start, is_word=True, is_quoted=True))
        else:
            found.append(_Token(raw, raw, start, is_word=match.lastgroup == "word"))
        at = match.end()
    return found


def _refusal(text: str, at: int, words: str) -> InvalidError:
    where = f"at character {at + 1}, {text[at : at + 20]!r}" if text[at:].strip() else "at the end"
    return InvalidError(f"{words} ({where}).", attr="selection")


class _Reader:
    """Reads tokens from left to right, one method per level of binding."""

    def __init__(self, text: str, tokens: list[_Token]) -> None:
        self._text, self._tokens, self._next, self._depth = text, tokens, 0, 0

    @property
    def is_at_end(self) -> bool:
        return self._next >= len(self._tokens)

    def refusal(self, words: str) -> InvalidError:
        at = len(self._text) if self.is_at_end else self._tokens[self._next].at
        return _refusal(self._text, at, words)

    def any_of(self) -> Selector:
        parts = [self._all_of()]
        while self._takes("or"):
            parts.append(self._all_of())
        return parts[0] if len(parts) == 1 else lambda graph: set().union(*(part(graph) for part in parts))

    def _all_of(self) -> Selector:
        parts = [self._not()]
        while self._takes("and"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else lambda graph: set.intersection(*(part(graph) for part in parts))

    def _not(self) -> Selector:
        if not self._takes("not"):
            return self._traversal()
        inner = self._deeper(self._not)
        return lambda graph: set(graph.nodes) - inner(graph)

    def _traversal(self) -> Selector:
        up = self._steps_up()
        inner = self._part()
        down = self._steps_down()
        if up is None and down is None:
            return inner
        return lambda graph: _with_neighbours(graph, inner(graph), up, down)

    def _steps_up(self) -> int | None:
        """How far upstream: None for not at all, -1 for all the way."""
        ahead = [token.text for token in self._tokens[self._next : self._next + 2]]
        if len(ahead) > 1 and ahead[0].isascii() and ahead[0].isdigit() and ahead[1] == "+":
            self._next += 2
            return min(int(ahead[0][:9]), 10**6)
        return -1 if self._takes("+") else None

    def _steps_down(self) -> int | None:
        if not self._takes("+"):
            return None
        ahead = self._tokens[self._next].text if not self.is_at_end else ""
        if not (ahead.isascii() and ahead.isdigit()):
            return -1
        self._next += 1
        return min(int(ahead[:9]), 10**6)

    def _part(self) -> Selector:
        if self._takes("*"):
            return lambda graph: set(graph.nodes)
        if self._takes("("):
            return self._closed()
        if self.is_at_end or not self._tokens[self._next].is_word:
            raise self.refusal("Something to select is missing here: such as key:name or group:name")
        word = self._tokens[self._next]
        if word.says("and") or word.says("or"):
            raise self.refusal("Something to select is missing before this")
        self._next += 1
        if word.text.lower() in _FUNCTIONS and self._takes("("):
            return _function(word.text.lower(), self._closed())
        return self._attribute(word)

    def _closed(self) -> Selector:
        inner = self._deeper(self.any_of)
        if not self._takes(")"):
            raise self.refusal("A closing bracket is missing")
        return inner

    def _attribute(self, name: _Token) -> Selector:
        make = None if name.is_quoted else _ATTRIBUTES.get(name.text.lower())
        if not self._takes(":"):
            self._next -= 1
            raise self.refusal(f"Say what {name.text} is: key:{name.text}, group:{name.text} or another attribute")
        if make is None:
            self._next -= 2
            raise self.refusal(f"There is no attribute {name.text}; there are {', '.join(_ATTRIBUTES)}")
        value = self._value()
        if name.text.lower() != "tag":
            return make(value, None)
        return make(value, self._value() if self._takes("=") else None)

    def _value(self) -> str:
        """One word, or several parts without space between them: an unquoted `raw*`, `*_daily`."""
        if self.is_at_end:
            raise self.refusal("A value is missing")
        first = self._tokens[self._next]
        if first.is_quoted:
            self._next += 1
            return first.value
        end, taken = first.at, ""
        while not self.is_at_end:
            token = self._tokens[self._next]
            if token.at != end or token.is_quoted or not (token.is_word or token.text == "*"):
                break
            taken, end = taken + token.text, token.at + len(token.text)
            self._next += 1
        if not taken:
            raise self.refusal("A value is missing")
        return taken

    def _takes(self, text: str) -> bool:
        if self.is_at_end or not self._tokens[self._next].says(text):
            return False
        self._next += 1
        return True

    def _deeper(self, read: Callable[[], Selector]) -> Selector:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self.refusal(f"More than {_MAX_DEPTH} brackets and `not` inside one another")
        inner = read()
        self._depth -= 1
        return inner


def _with_neighbours(graph: AssetGraph, keys: Selected, up: int | None, down: int | None) -> Selected:
    found = set(keys)
    if up is not None:
        found |= _near(keys, graph.upstream, up)
    if down is not None:
        found |= _near(keys, graph.downstream, down)
    return found


def _near(keys: Iterable[str], edges: Mapping[str, tuple[str, ...]], steps: int) -> Selected:
    """What is at most so many steps away; -1 for any number."""
    seen, front = set(keys), set(keys)
    while front and steps != 0:
        front = {near for key in front for near in edges.get(key, ())} - seen
        seen |= front
        steps -= 1
    return seen


def _function(name: str, inner: Selector) -> Selector:
    def ends(graph: AssetGraph) -> Selected:
        keys = inner(graph)
        edges = graph.upstream if name == "roots" else graph.downstream
        return {key for key in keys if keys.isdisjoint(edges[key])}

    return ends


def _by(test: Callable[[AssetNode], bool]) -> Selector:
    return lambda graph: {key for key, node in graph.nodes.items() if test(node)}


def _pattern(value: str) -> Callable[[str], bool]:
    """A test for whole values; `*` stands for any text."""
    if "*" not in value:
        return lambda text: text == value
    regex = re.compile(".*".join(re.escape(part) for part in re.split(r"\*+", value)), re.DOTALL)
    return lambda text: regex.fullmatch(text) is not None


def _in(value: str, texts_of: Callable[[AssetNode], Iterable[str]]) -> Selector:
    if value == _NULL:
        return _by(lambda node: not list(texts_of(node)))
    matches = _pattern(value)
    return _by(lambda node: any(matches(text) for text in texts_of(node)))


def _by_tag(name: str, value: str | None) -> Selector:
    """As dagster has it: without a value, tags without one."""
    matches_name, matches_value = _pattern(name), _pattern("" if value in {None, _NULL} else str(value))
    return _by(lambda n: any(matches_name(tag) and matches_value(text) for tag, text in n.asset.tags.items()))


def _substring(value: str, _second: str | None) -> Selector:
    return _by(lambda node: value in node.key)


def _table_names(node: AssetNode) -> list[str]:
    entry = node.asset.metadata.get(_TABLE_NAME)
    value = entry.get("value") if isinstance(entry, dict) else entry
    return [str(value)] if value else []


_ATTRIBUTES: dict[str, Callable[[str, str | None], Selector]] = {
    "key": lambda value, _: _in(value, lambda node: [node.key]),
    "key_substring": _substring,
    "group": lambda value, _: _in(value, lambda node: [node.group]),
    "tag": _by_tag,
    "owner": lambda value, _: _in(value, lambda node: node.asset.owners),
    "kind": lambda value, _: _in(value, lambda node: node.asset.kinds),
    "code_location": lambda value, _: _in(value, lambda node: [node.location]),
    "table_name": lambda value, _: _in(value, _table_names),
}
