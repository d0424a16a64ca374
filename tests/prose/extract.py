"""Extracts the texts that a user sees, with their lines."""

import ast
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

Text = tuple[int, str]
"""A line number and the text that begins there."""

SHOWN_ATTRIBUTES = {"title", "placeholder", "aria-label", "alt", "data-confirm", "content", "value", "label"}


def python_texts(source: str, *, docstrings: bool) -> Iterator[Text]:
    """Yield every string of a module that is no docstring; names of log events with blanks for underscores."""
    tree = ast.parse(source)
    described = {id(statement.value) for statement in ast.walk(tree) if isinstance(statement, ast.Expr)}
    documented = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr):
                documented.add(id(first.value))
    events = {id(node.args[0]) for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args and _logs(node)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        if id(node) in events:
            yield node.lineno, node.value.replace("_", " ")
            continue
        if id(node) in described and not (docstrings and id(node) in documented):
            continue
        yield node.lineno, node.value


def _logs(call: ast.Call) -> bool:
    """Return whether a call writes a log event, such as `log.info("event")`."""
    function = call.func
    return isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "log"


def sql_texts(source: str) -> Iterator[Text]:
    """Yield every string literal."""
    for number, line in enumerate(source.splitlines(), 1):
        code = line.partition("--")[0]
        for match in re.finditer(r"'((?:[^']|'')*)'", code):
            yield number, match[1]


class _Template(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[Text] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in {"script", "style"}
        self.texts += [(self.getpos()[0], text) for name, text in attrs if name in SHOWN_ATTRIBUTES and text]

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"script", "style"}

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            begin = self.getpos()[0]
            self.texts += [(begin + index, line) for index, line in enumerate(data.splitlines()) if line.strip()]


def template_texts(source: str) -> Iterator[Text]:
    """Yield the text and the shown attributes of a Jinja template; of its expressions only their strings."""

    def only_strings(match: re.Match[str]) -> str:
        strings = " ".join(re.findall(r"\"([^\"]*)\"", match[0]))
        return strings.replace("<", " ") + "\n" * match[0].count("\n")

    parser = _Template()
    parser.feed(re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", only_strings, source, flags=re.DOTALL))
    yield from parser.texts


def texts(path: Path, kind: str) -> Iterator[Text]:
    """Yield the texts of a file; `kind` is a key of `scope` in words.toml."""
    source = path.read_text(encoding="utf-8")
    if kind == "sql":
        yield from sql_texts(source)
    elif kind == "templates":
        yield from template_texts(source)
    elif kind == "text":
        yield from enumerate(source.splitlines(), 1)
    else:
        yield from python_texts(source, docstrings=kind == "docstrings")
