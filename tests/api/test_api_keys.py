"""Keys: made once, listed without their secret, ended for good."""

import hashlib
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.core.storage.api_keys import KeyRefused, create_key, list_keys, parse_key, revoke_key

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def connection(embedded_database: str):
    with psycopg.connect(embedded_database) as connection:
        connection.execute("INSERT INTO organisation (kind, name, created_at) VALUES ('commune', 'Feurs', now())")
        connection.execute("SET ROLE terroir_service")
        yield connection


def test_only_the_hash_of_the_secret_is_kept(connection) -> None:
    key = create_key(connection, 1, "tableau de bord", ["read"], None, NOW)
    prefix, key_id, secret = key.split("_")
    assert prefix == "trr"
    assert len(bytes.fromhex(secret)) == 32
    row = connection.execute("SELECT hash, api_key::text FROM api_key WHERE id = %s", (key_id,)).fetchone()
    assert row[0] == hashlib.sha256(bytes.fromhex(secret)).digest()
    assert secret not in row[1]


def test_keys_are_listed_and_revoked(connection) -> None:
    key = create_key(connection, 1, "a", ["write", "read"], NOW + timedelta(days=1), NOW)
    (listed,) = list_keys(connection)
    assert (listed.id, listed.organisation_name, listed.name) == (key.split("_")[1], "Feurs", "a")
    assert (listed.scopes, listed.expires_at, listed.revoked_at) == (["read", "write"], NOW + timedelta(days=1), None)
    assert revoke_key(connection, listed.id, NOW)
    assert revoke_key(connection, listed.id, NOW + timedelta(days=1))
    assert list_keys(connection)[0].revoked_at == NOW
    assert not revoke_key(connection, "nobodyskey", NOW)


@pytest.mark.parametrize(
    ("organisation", "scopes", "expires_at", "said"),
    [
        (1, ["read", "fly"], None, "fly; allowed are read, write, onboard, admin"),
        (1, [], None, "none given"),
        (1, ["read"], NOW - timedelta(seconds=1), "has passed"),
        (7, ["read"], None, "no organisation 7"),
    ],
)
def test_what_makes_no_key(connection, organisation, scopes, expires_at, said: str) -> None:
    with pytest.raises(KeyRefused, match=said):
        create_key(connection, organisation, "a", scopes, expires_at, NOW)
    assert list_keys(connection) == []  # and the transaction still works


@given(text=st.text(max_size=120))
def test_no_text_breaks_the_parser(text: str) -> None:
    assert parse_key(text) is None


def test_a_key_is_parsed() -> None:
    credential = parse_key("trr_abcdefgh_" + "ab" * 32)
    assert credential is not None
    assert credential.key_id == "abcdefgh"
    assert credential.secret_hash == hashlib.sha256(bytes([0xAB] * 32)).digest()
