"""How every process logs: one line per event on stderr, times in UTC, secrets left out.

Code says ``structlog.get_logger().info("store_connected", host=host)``: a fact in snake_case, and its circumstances.
Lines of libraries that use ``logging`` come out the same way.
"""

import logging
import re
import sys
from collections.abc import Iterable, Mapping
from typing import cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from services.core.settings import Settings

HIDDEN = "***"
_SECRET_NAME = re.compile(r"passw|secret|token|authorization|cookie|(app|nwk|api|private)_?s?_?key", re.IGNORECASE)
_SECRETS_IN_TEXT = (
    # The password in scheme://user:password@host: up to the last @ before a slash, as a password may hold one itself.
    (re.compile(r"(://[^\s/:@]*:)[^\s/]*(@)"), rf"\1{HIDDEN}\2"),
    # libpq's keyword form, and the like in messages of libraries.
    (re.compile(r"\b(password\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&]+)", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"\b(Bearer\s+)\S+", re.IGNORECASE), rf"\1{HIDDEN}"),
    # Keys of our API: the id may be known.
    (re.compile(r"\b(trr_[a-z0-9]+_)[A-Za-z0-9_-]+"), rf"\1{HIDDEN}"),
)


def configure(settings: Settings) -> None:
    """Log from now on as the settings say, whatever was configured before."""
    before_rendering: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *before_rendering,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=before_rendering,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            # As text, before secrets are hidden: the renderer's own tracebacks would show local variables.
            structlog.processors.format_exc_info,
            hide_secrets,
            _renderer(settings),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(settings.log_level.upper())


def hide_secrets(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """Replace what is secret by its name, and passwords, bearer tokens and API keys inside any text."""
    del logger, name
    return {key: _shown(key, value) for key, value in event.items()}


def _shown(key: str, value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if _SECRET_NAME.search(key):
        return HIDDEN
    if isinstance(value, Mapping):
        parts = cast("Mapping[object, object]", value)
        return {str(inner): _shown(str(inner), part) for inner, part in parts.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_shown("", part) for part in cast("Iterable[object]", value)]
    text = value.hex() if isinstance(value, bytes | bytearray) else str(value)
    for pattern, replacement in _SECRETS_IN_TEXT:
        text = pattern.sub(replacement, text)
    return text


def _renderer(settings: Settings) -> Processor:
    if settings.log_format == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False)
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
    )
