"""Named SQL: every statement the services run stands in `sql/queries/*.sql`, with a name and its purpose.

    -- name: latest_of_points
    -- Last good value of every series of the given points.
    SELECT ... WHERE point_id = ANY (%(points)s);

Parameters are psycopg's, `%(name)s`. A test prepares each statement against the migrated schema.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from typing_extensions import override

from services.core.storage.statements import split_statements

FOLDER = Path(__file__).parent / "sql" / "queries"
_NAME = re.compile(r"^-- name: *(.*)$", re.MULTILINE)


class QueryFileError(Exception):
    """A query file breaks the format; names the file, the statement and the rule."""


@dataclass(frozen=True)
class Query:
    """One statement: `purpose` is the sentence above it, `sql` the rest without its semicolon."""

    name: str
    purpose: str
    sql: str


class Queries(Mapping[str, bytes]):
    """Statements of one file by name, as the bytes psycopg's `execute` takes for trusted SQL."""

    def __init__(self, file: Path, queries: tuple[Query, ...]) -> None:
        self.file = file
        self.queries = queries
        self._by_name = {query.name: query.sql.encode() for query in queries}

    @override
    def __getitem__(self, name: str) -> bytes:
        try:
            return self._by_name[name]
        except KeyError:
            raise KeyError(f"no statement {name!r} in {self.file}") from None

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    @override
    def __len__(self) -> int:
        return len(self._by_name)


@cache
def load(file: str) -> Queries:
    """The statements of `sql/queries/<file>.sql`, read once. Raises QueryFileError, FileNotFoundError."""
    path = FOLDER / f"{file}.sql"
    return parse(path, path.read_text(encoding="utf-8"))


def query_files() -> list[str]:
    """Names of all query files, for `load`."""
    return sorted(path.stem for path in FOLDER.glob("*.sql"))


def parse(file: Path, text: str) -> Queries:
    """Split the text of a query file. Raises QueryFileError when it breaks the format."""
    _, *pieces = _NAME.split(text)
    queries = tuple(_query(file, *pieces[n : n + 2]) for n in range(0, len(pieces), 2))
    names = [query.name for query in queries]
    for name in names:
        if names.count(name) > 1:
            raise QueryFileError(f"{file}: two statements are named {name}")
    return Queries(file, queries)


def texts(file: Path) -> dict[str, str]:
    """The statements of a file by name, for SQLite. Raises QueryFileError, FileNotFoundError."""
    return {query.name: query.sql for query in parse(file, file.read_text(encoding="utf-8")).queries}


def _query(file: Path, name: str, text: str) -> Query:
    name = name.strip()
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise QueryFileError(f"{file}: {name!r} is no snake_case name")
    lines = text.strip().splitlines()
    comments = 0
    while comments < len(lines) and lines[comments].startswith("-- "):
        comments += 1
    purpose = " ".join(line.removeprefix("-- ").strip() for line in lines[:comments])
    if not purpose:
        raise QueryFileError(f"{file}: {name} lacks its sentence of purpose (a comment under its name)")
    statements = split_statements("\n".join(lines[comments:]))
    if len(statements) != 1:
        raise QueryFileError(f"{file}: {name} holds {len(statements)} statements instead of one")
    return Query(name, purpose, statements[0])
