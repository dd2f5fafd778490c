"""The table of settings in docs/configuration.md, made from ``Settings`` itself.

    python -m services.core.settings_table docs/configuration.md

rewrites what stands between the two marks in that file.
"""

import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, MaxLen, MinLen
from pydantic import SecretStr, TypeAdapter
from pydantic.fields import FieldInfo

from services.core.settings import PREFIX, Settings

BEGIN, END = "<!-- settings: made by services.core.settings_table -->", "<!-- end of settings -->"


def render() -> str:
    """A Markdown table: variable, default, meaning and what is allowed."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        meaning = " ".join(filter(None, (field.description, _allowed(field))))
        lines.append(f"| `{PREFIX}{name.upper()}` | {_default(field)} | {_cell(meaning)} |")
    return "\n".join(lines)


def replace(document: str) -> str:
    """The document with its table as it should be. Raises ValueError when it lacks the marks."""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the document needs the lines {BEGIN} and {END}")
    return f"{before}{begin}\n{render()}\n{end}{after}"


def _default(field: FieldInfo) -> str:
    default: object = field.default
    if default is None:
        return "unset"
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if isinstance(default, timedelta):
        default = TypeAdapter(timedelta).dump_python(default, mode="json")
    return f"`{_cell(str(default))}`"


def _allowed(field: FieldInfo) -> str:
    if get_origin(field.annotation) is Literal:
        return "One of: " + ", ".join(f"`{choice}`" for choice in get_args(field.annotation)) + "."
    words: list[str] = []
    for rule in field.metadata:
        match rule:
            case Ge(ge=bound):
                words.append(f"at least {bound}")
            case Gt(gt=bound):
                words.append(f"more than {0 if bound == timedelta(0) else bound}")
            case Le(le=bound):
                words.append(f"at most {bound}")
            case MinLen(min_length=length):
                words.append(f"at least {length} character{'s'[: length > 1]}")
            case MaxLen(max_length=length):
                words.append(f"at most {length} characters")
            case _:
                pass
    return f"Allowed: {', '.join(words)}." if words else ""


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", r"\|")


def main() -> None:
    path = Path(sys.argv[1])
    path.write_text(replace(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
