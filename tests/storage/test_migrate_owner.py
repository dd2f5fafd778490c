"""`terroir migrate` as an owner of the database who is not superuser, as a hardened site runs it."""

from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql

from services.core.storage.migrate import check, migrate

ROLES = ("terroir_service", "terroir_api", "terroir_view")


def as_user(url: str, user: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc.rpartition('@')[2]}"))


@pytest.fixture(params=["roles made beforehand", "an owner who may create roles"])
def owner(request: pytest.FixtureRequest, empty_database: str) -> Iterator[str]:
    """URL of an empty database as its owner, who is not superuser."""
    name = "owner_of_test"
    with psycopg.connect(empty_database, autocommit=True) as superuser:
        superuser.execute(
            sql.SQL("CREATE ROLE {} LOGIN {}").format(
                sql.Identifier(name), sql.SQL("CREATEROLE" if request.param.startswith("an owner") else "NOCREATEROLE")
            )
        )
        superuser.execute(
            sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(superuser.info.dbname), sql.Identifier(name))
        )
        for role in ROLES:
            superuser.execute(sql.SQL("GRANT {} TO {} WITH ADMIN OPTION").format(*map(sql.Identifier, (role, name))))
        try:
            yield as_user(empty_database, name)
        finally:
            superuser.execute(sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(sql.Identifier(name)))
            superuser.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(name)))
            superuser.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def test_the_owner_migrates_and_sees_every_row(owner: str) -> None:
    migrate(owner)
    check(owner)
    with psycopg.connect(owner) as connection:
        connection.execute("INSERT INTO organisation (name, created_at) VALUES ('commune', now())")
        assert connection.execute("SELECT name FROM organisation").fetchall() == [("commune",)]
        views = connection.execute(
            "SELECT DISTINCT viewowner FROM pg_views WHERE schemaname = 'public' AND viewname LIKE '%\\_visible'"
        ).fetchall()
        assert views == [("terroir_view",)]
        may_create = connection.execute("SELECT has_schema_privilege('terroir_view', 'public', 'CREATE')").fetchone()
        assert may_create == (False,)


def test_migrating_again_is_nothing_for_the_owner(owner: str) -> None:
    migrate(owner)
    assert migrate(owner).applied == ()
