"""How a command says that it cannot: one line on stderr and exit status 2, or 1 when the answer is no."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO, Any

import click
from typing_extensions import override


class Failure(click.ClickException):
    """Wrong use or a wrong setting: the text says what, where and what to do."""

    exit_code = 2

    @override
    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"terroir: {self.format_message()}", file=file or sys.stderr)


@contextmanager
def told(*expected: type[Exception]) -> Generator[None]:
    """Turn errors meant for the user into a Failure. Anything else is a bug and keeps its traceback."""
    try:
        yield
    except expected as error:
        raise Failure(str(error).strip()) from error
