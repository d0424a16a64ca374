"""The tests fail when they should: each promise is broken on purpose, in a copy, and the tests that guard it fail.

`SMSGW_MUTATIONS` restricts the run to some promises or names, separated by commas (`SMSGW_MUTATIONS=5,no_fencing`).
"""

import os
from collections import Counter
from pathlib import Path

import pytest
from mutations.tree import ROOT, DoesNotApply, Mutation, copy_tree, load, of_test, run_tests

MUTATIONS = load()
WANTED = {word.strip() for word in os.environ.get("SMSGW_MUTATIONS", "").split(",") if word.strip()}
CHOSEN = [one for one in MUTATIONS if not WANTED or {one.name, str(one.promise)} & WANTED]


def test_every_promise_is_broken_in_at_least_two_ways() -> None:
    counted = Counter(mutation.promise for mutation in MUTATIONS)
    assert {promise: counted[promise] >= 2 for promise in range(1, 10)} == dict.fromkeys(range(1, 10), True)
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.name)
def test_every_mutation_fits_the_code_as_it_is(mutation: Mutation, tmp_path: Path) -> None:
    target = tmp_path / mutation.file
    target.parent.mkdir(parents=True)
    target.write_text((ROOT / mutation.file).read_text(encoding="utf-8"))
    mutation.apply(tmp_path)
    assert mutation.tests
    for name in mutation.tests:
        file, _, function = name.partition("::")
        text = (ROOT / file).read_text(encoding="utf-8")
        assert not function or f"def {function.partition('[')[0]}(" in text, f"there is no {name}"
    assert target.read_text() != (ROOT / mutation.file).read_text(encoding="utf-8")


def test_a_mutation_that_no_longer_fits_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("one\none\n")
    for old in ("one", "two"):
        with pytest.raises(DoesNotApply, match="adapt the mutation"):
            Mutation(1, "worn_out", "x.py", old, "three", ("tests/x.py",)).apply(tmp_path)
    with pytest.raises(DoesNotApply, match="is gone"):
        Mutation(1, "homeless", "y.py", "one", "two", ("tests/x.py",)).apply(tmp_path)


@pytest.mark.slow("mutations")
def test_the_tests_that_guard_the_promises_pass_on_the_code_as_it_is(
    tmp_path: Path, server_dsn: str, template: str
) -> None:
    named = tuple(sorted({test for mutation in CHOSEN for test in mutation.tests}))
    results = run_tests(copy_tree(tmp_path / "tree"), named, server_dsn, template)
    assert results["broken"] == []
    for name in named:
        found = of_test(name, results)
        assert found, f"there is no test {name}"
        assert {node: one for node, one in found.items() if one["outcome"] != "passed"} == {}


@pytest.mark.slow("mutations")
@pytest.mark.parametrize("mutation", CHOSEN, ids=lambda one: f"promise_{one.promise}_{one.name}")
def test_a_broken_promise_fails_its_tests(mutation: Mutation, tmp_path: Path, server_dsn: str, template: str) -> None:
    tree = copy_tree(tmp_path / "tree")
    mutation.apply(tree)
    migrated = None if mutation.file.startswith("sql/migrations/") else template
    results = run_tests(tree, mutation.tests, server_dsn, migrated)
    assert results["broken"] == [], "the mutation must leave code that can be imported"
    for name in mutation.tests:
        found = of_test(name, results)
        outcomes = {one["outcome"] for one in found.values()}
        assert "failed" in outcomes, f"{name} does not fail: {found}"
        assert "broken" not in outcomes, f"{name} fails by an error and not by an assertion: {found}"
