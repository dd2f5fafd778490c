"""Two kinds of trouble with the store, because they have two fates: hold and retry, or put the data aside."""

import psycopg

# PostgreSQL, appendix A. Classes that speak of the data given: cardinality, data exception, integrity
# constraint, WITH CHECK OPTION, program limit (a value too long for an index), RAISE in a function of ours.
_DATA_CLASSES = frozenset({"21", "22", "23", "44", "54", "P0"})


class StoreUnavailable(Exception):
    """The store could not do it now, and the data is not to blame: hold it and try again.

    A lost connection, a deadlock (40P01) or serialisation failure (40001), a lock or statement timeout
    (55P03, 57014), a server that stops or starts (57xxx), has no room (53xxx), is read-only after a
    failover (25006). Also what only an operator can mend, such as a missing grant or table (42xxx): a
    faulty release must make the queue grow, not fill the quarantine.
    """


class StoreRefused(Exception):
    """The store refuses this data and always will. `sqlstate` is None when psycopg itself refused it."""

    def __init__(self, message: str, sqlstate: str | None) -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


def classify(error: psycopg.Error) -> StoreUnavailable | StoreRefused:
    """The store's error as one of ours, for `raise classify(error) from error`."""
    state = error.sqlstate
    if state is None:
        # Without a state the server has not spoken: psycopg refused a value, or the connection is gone.
        refused = isinstance(error, psycopg.DataError | psycopg.IntegrityError)
    else:
        refused = state[:2] in _DATA_CLASSES
    message = _describe(error)
    return StoreRefused(message, state) if refused else StoreUnavailable(message)


def _describe(error: psycopg.Error) -> str:
    """One line: what the server said, its state, and the constraint or column it named."""
    text = error.diag.message_primary or " ".join(str(error).split()) or type(error).__name__
    names = {
        "SQLSTATE": error.sqlstate,
        "table": error.diag.table_name,
        "column": error.diag.column_name,
        "constraint": error.diag.constraint_name,
    }
    known = ", ".join(f"{key} {value}" for key, value in names.items() if value)
    return f"{text} ({known})" if known else text
