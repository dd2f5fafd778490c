"""The migration files: which there are, which a grade needs, and in what order.

`NNNN_name.sql` in `sql/migrations/` are for every grade, those in its folders `timescale/` and
`community/` for servers of at least that grade. `sql/repeatable/*.sql` (views, grants) are applied after
the others, and again whenever one of them, the grade, or anything they stand on has changed.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from services.core.storage.grade import Grade

SQL = Path(__file__).parent / "sql"
_FILE_NAME = re.compile(r"\d{4}_[a-z0-9_]+\.sql")


class MigrationFileError(Exception):
    """A migration file is misnamed or ambiguous; names the file and the rule."""


@dataclass(frozen=True)
class Migration:
    """One file. `name` is its path below `sql/` without the suffix, as recorded in `schema_migration`."""

    name: str
    grade: Grade
    repeatable: bool
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the file's text, hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def transaction(self) -> bool:
        """False when the file's first line is `-- no-transaction`."""
        return not self.sql.startswith("-- no-transaction\n")


def all_migrations(folder: Path = SQL) -> tuple[Migration, ...]:
    """Every file in the order it is applied. Raises MigrationFileError."""
    once = folder / "migrations"
    places = [(once, Grade.PLAIN), *((once / grade, grade) for grade in (Grade.TIMESCALE, Grade.COMMUNITY))]
    found = [_read(folder, path, grade) for place, grade in places for path in _numbered(place)]
    repeatable = [_read(folder, path, Grade.PLAIN) for path in sorted((folder / "repeatable").glob("*.sql"))]
    return (*found, *repeatable)


def _read(folder: Path, path: Path, grade: Grade) -> Migration:
    name = path.relative_to(folder).with_suffix("").as_posix().removeprefix("migrations/")
    return Migration(name, grade, path.parent.name == "repeatable", path.read_text(encoding="utf-8"))


def _numbered(folder: Path) -> list[Path]:
    paths = sorted(folder.glob("*.sql"))
    for path, following in zip(paths, [*paths[1:], None], strict=True):
        if not _FILE_NAME.fullmatch(path.name):
            raise MigrationFileError(f"{path} must be named NNNN_name.sql")
        if following is not None and path.name[:4] == following.name[:4]:
            raise MigrationFileError(f"{path} and {following.name} have the same number")
    return paths
