"""Where one SQL statement ends and the next begins."""

import re

_TOKEN = re.compile(
    r"""
    --[^\n]*                        # comment to the end of the line
    | /\*.*?\*/                     # comment (nested ones are not for us)
    | [eE]'(?:\\.|''|[^'\\])*'      # string with escapes
    | '(?:''|[^'])*'                # string
    | "(?:""|[^"])*"                # quoted name
    | (?P<tag>\$\w*\$).*?(?P=tag)   # dollar-quoted body
    | ;
    | .
    """,
    re.DOTALL | re.VERBOSE,
)
_BLANK = re.compile(r"(?:\s|--[^\n]*|/\*.*?\*/)*", re.DOTALL)


def split_statements(sql: str) -> list[str]:
    """The statements of a script, without their semicolons; parts that are only comments are left out."""
    parts = [""]
    for match in _TOKEN.finditer(sql):
        if match.group() == ";":
            parts.append("")
        else:
            parts[-1] += match.group()
    return [part.strip() for part in parts if not _BLANK.fullmatch(part)]
