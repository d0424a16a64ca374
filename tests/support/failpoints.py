"""Failpoints: every place on the sending and receiving path where a test can let the process die.

The production code carries no hooks. `install` adds an importer that rewrites the modules of the path while they are
imported: it puts a call around each `await`, `async with` and `async for`, which passes the name of the failpoint. A
name consists of module, function and an ordinal, not of a line number, so it survives edits elsewhere:

    dispatch.claimer Claimer.claim: with 2 transaction, exit before

`static_steps` reads the same names from the sources without running them. A test compares the two. The failpoints on
the wire are in `support.wire_failpoints`.
"""

import ast
import importlib.util
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

ROOT = Path(importlib.util.find_spec("gateway").origin or "").parent  # type: ignore[union-attr]

Step = Callable[[str], None]

_AWAIT, _WITH, _EACH = "__crash_await__", "__crash_with__", "__crash_each__"


def path_modules() -> list[str]:
    """Return the modules of the path: sending, receiving, the client, and the modules of the store that they use."""
    found = {
        f"gateway.{package}.{path.stem}"
        for package in ("dispatch", "receipts")
        for path in (ROOT / package).glob("*.py")
    }
    found.add("gateway.provider.mta.client")
    waiting = set(found)
    while waiting:
        used = {name for name in _imports(waiting.pop()) if name.startswith("gateway.store.")}
        waiting |= used - found
        found |= used
    return sorted(name for name in found if not name.endswith("__init__"))


def _imports(module: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(_source(module))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names if _is_module(node.module, alias.name))


def _is_module(package: str, name: str) -> bool:
    return (ROOT.parent / package.replace(".", "/") / f"{name}.py").exists()


def _file(module: str) -> Path:
    return ROOT.parent / f"{module.replace('.', '/')}.py"


def _source(module: str) -> str:
    path = _file(module)
    return path.read_text() if path.exists() else ""


class _Rewriter(ast.NodeTransformer):
    """Inserts the calls and lists the failpoints."""

    def __init__(self, module: str) -> None:
        self._module = module.removeprefix("gateway.")
        self._scope: list[str] = []
        self._ordinals: Counter[tuple[str, str]] = Counter()
        self.steps: list[str] = []

    def _scoped(self, node: Any) -> Any:
        self._scope.append(node.name)
        self.generic_visit(node)
        self._scope.pop()
        return node

    visit_ClassDef = visit_FunctionDef = visit_AsyncFunctionDef = _scoped  # noqa: N815

    def _name(self, kind: str, expression: ast.expr, moments: tuple[str, ...]) -> ast.Constant:
        where = f"{self._module} {'.'.join(self._scope)}"
        self._ordinals[where, kind] += 1
        name = f"{where}: {kind} {self._ordinals[where, kind]} {_called(expression)}"
        self.steps += [f"{name}, {moment}" for moment in moments]
        return ast.Constant(name)

    def visit_Await(self, node: ast.Await) -> ast.expr:
        self.generic_visit(node)
        name = self._name("await", node.value, ("before", "after"))
        inner = ast.Await(_call(_AWAIT, name, ast.Constant("before"), node.value))
        return _call(_AWAIT, name, ast.Constant("after"), inner)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AsyncWith:
        for item in node.items:
            item.context_expr = self.visit(item.context_expr)
            name = self._name("with", item.context_expr, ("before", "after", "exit before", "exit after"))
            item.context_expr = _call(_WITH, name, item.context_expr)
        node.body = [self.visit(child) for child in node.body]
        return node

    def visit_AsyncFor(self, node: ast.AsyncFor) -> ast.AsyncFor:
        self.generic_visit(node)
        node.iter = _call(_EACH, self._name("for", node.iter, ("before", "after")), node.iter)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> ast.comprehension:
        self.generic_visit(node)
        if node.is_async:
            node.iter = _call(_EACH, self._name("for", node.iter, ("before", "after")), node.iter)
        return node


def _call(function: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(function, ast.Load()), list(arguments), [])


def _called(node: ast.expr) -> str:
    """Return the last part of the called name, for the person who reads the failpoint's name."""
    while isinstance(node, ast.Call):
        node = (
            node.args[-1] if isinstance(node.func, ast.Name) and node.func.id in {_AWAIT, _WITH, _EACH} else node.func
        )
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else type(node).__name__.lower()


def _rewrite(module: str, source: str) -> tuple[ast.Module, list[str]]:
    rewriter = _Rewriter(module)
    tree = rewriter.visit(ast.parse(source))
    return ast.fix_missing_locations(tree), rewriter.steps


def static_steps() -> list[str]:
    """Return the name of every failpoint of the path, read from the sources."""
    return [step for module in path_modules() for step in _rewrite(module, _source(module))[1]]


class _Around:
    """An asynchronous context manager with a failpoint before and after its enter and its exit."""

    def __init__(self, step: Step, name: str, inner: Any) -> None:
        self._step, self._name, self._inner = step, name, inner

    async def __aenter__(self) -> Any:
        self._step(f"{self._name}, before")
        entered = await self._inner.__aenter__()
        self._step(f"{self._name}, after")
        return entered

    async def __aexit__(self, *error: object) -> Any:
        self._step(f"{self._name}, exit before")
        swallowed = await self._inner.__aexit__(*error)
        self._step(f"{self._name}, exit after")
        return swallowed


class _Loader(SourceFileLoader):
    """Compiles the rewritten source, without a bytecode cache."""

    def __init__(self, fullname: str, path: str, step: Step) -> None:
        super().__init__(fullname, path)
        self._step = step

    def get_code(self, fullname: str) -> CodeType:
        tree, _ = _rewrite(fullname, Path(self.path).read_text())
        return compile(tree, self.path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        step = self._step

        def around_await(name: str, moment: str, value: Any) -> Any:
            step(f"{name}, {moment}")
            return value

        async def each(name: str, inner: Any) -> Any:
            iterator = aiter(inner)
            while True:
                step(f"{name}, before")
                try:
                    value = await anext(iterator)
                except StopAsyncIteration:
                    return
                step(f"{name}, after")
                yield value

        vars(module).update({_AWAIT: around_await, _WITH: lambda name, inner: _Around(step, name, inner), _EACH: each})
        super().exec_module(module)


class _Finder(MetaPathFinder):
    def __init__(self, step: Step) -> None:
        self._step = step
        self._modules = set(path_modules())

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if fullname not in self._modules:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(fullname, spec.origin, self._step)
        return spec


def install(step: Step) -> None:
    """Let the modules of the path call `step` at each failpoint. Call this before any of them is imported."""
    early = set(path_modules()) & set(sys.modules)
    assert not early, f"imported too early: {sorted(early)}"
    sys.meta_path.insert(0, _Finder(step))
