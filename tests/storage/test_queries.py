"""Every named statement means something to the migrated schema, on each grade."""

import re
from pathlib import Path

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core.storage.connect import connect
from services.core.storage.queries import QueryFileError, load, parse, query_files
from services.core.storage.statements import split_statements

PLACEHOLDER = re.compile(r"%\((\w+)\)[sbt]")
PREPARABLE = re.compile(r"\s*(--[^\n]*\n\s*)*(SELECT|INSERT|UPDATE|DELETE|MERGE|VALUES|WITH)\b", re.IGNORECASE)


def numbered(statement: str) -> str:
    """psycopg's named parameters as PostgreSQL's: each name one number, `%%` a per cent sign."""
    names = list(dict.fromkeys(PLACEHOLDER.findall(statement)))
    return PLACEHOLDER.sub(lambda found: f"${names.index(found[1]) + 1}", statement).replace("%%", "%")


@pytest.mark.parametrize("file", query_files())
def test_every_statement_is_valid(database: str, file: str) -> None:
    """Prepared where PostgreSQL can, else (COPY, temporary tables) run; in the file's order, then rolled back."""
    with connect(database) as connection:
        for query in load(file).queries:
            if PREPARABLE.match(query.sql):
                statement = f'PREPARE "{query.name}" AS {numbered(query.sql)}'
                try:
                    connection.execute(statement.encode())
                except psycopg.Error as error:
                    pytest.fail(f"{file}.sql: {query.name}: {error}")
            elif query.sql.lstrip().upper().startswith("COPY"):
                with connection.cursor() as cursor, cursor.copy(query.sql.encode()):
                    pass
            else:
                connection.execute(query.sql.encode())
        connection.rollback()


def test_statements_are_found_by_name_with_their_purpose() -> None:
    one = "-- name: one\n-- First; of two.\n-- Really.\nSELECT ';' AS a, -- odd; sign\n %(b)s;\n"
    text = f"-- a file\n{one}-- name: two\n-- Second.\nSELECT 2\n"
    queries = parse(Path("some.sql"), text)
    assert list(queries) == ["one", "two"]
    assert queries["two"] == b"SELECT 2"
    assert queries.queries[0].purpose == "First; of two. Really."
    assert numbered(queries.queries[0].sql) == "SELECT ';' AS a, -- odd; sign\n $1"
    with pytest.raises(KeyError, match=r"no statement 'three' in some\.sql"):
        queries["three"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("-- name: Big\n-- Why.\nSELECT 1", "no snake_case name"),
        ("-- name: one\nSELECT 1", "lacks its sentence of purpose"),
        ("-- name: one\n-- Why.\nSELECT 1; SELECT 2", "2 statements instead of one"),
        ("-- name: one\n-- Why.\n", "0 statements instead of one"),
        ("-- name: one\n-- Why.\nSELECT 1;\n-- name: one\n-- Why.\nSELECT 2;", "two statements are named one"),
    ],
)
def test_a_file_that_breaks_the_format_is_refused(text: str, reason: str) -> None:
    with pytest.raises(QueryFileError, match=reason):
        parse(Path("some.sql"), text)


PIECES = st.sampled_from(
    [
        "SELECT 1",
        "SELECT 'it''s; here'",
        'SELECT 1 AS "a;b"',
        "SELECT 1 -- no; end\n",
        "SELECT /* ; */ 2",
        "DO $body$ BEGIN PERFORM 1; END $body$",
        "DO $$ BEGIN PERFORM ';'; END $$",
        r"SELECT e'a\';b'",
    ]
)


@given(st.lists(PIECES, max_size=6), st.sampled_from([";", " ;\n", ";\n-- between; them\n"]))
def test_statements_split_where_postgresql_ends_them(pieces: list[str], between: str) -> None:
    found = split_statements(between.join(pieces))
    assert [re.sub(r"\A(--[^\n]*\n)+", "", statement) for statement in found] == [piece.strip() for piece in pieces]
