"""The scan of what the suite says finds what it is for."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.leaks import LEAK, MARK, find

SUPPORT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    "text",
    [
        "to +12025550123", "2025550199", "1-202-555-0123", "(202) 555-0123", '"+1 202 555 0100"', f"body={MARK}",
        "Bearer simulator-key", "secret=test-secret-of-the-webhooks",
    ],
)  # fmt: skip
def test_it_is_found(text: str) -> None:
    assert len(find(text)) == 1


@pytest.mark.parametrize(
    "text", ["01a2142025550123bf6b7a518900f3686e2c11", "2026-11-25 19:22:24", "202 messages, 5550 parts", ""]
)
def test_an_id_or_a_count_is_none(text: str) -> None:
    assert find(text) == []


TOO_TALKATIVE = {
    "log": "def test(tmp_path):\n    (tmp_path / 'daemon.log').write_text('to +1202' + '5550123')",
    "output": "def test():\n    print('to +1202' + '5550123')",
    "structlog": "import structlog\ndef test():\n    structlog.get_logger().info('sent', to='+1202' + '5550123')",
    "logging": "import logging\ndef test():\n    logging.getLogger('x').warning('%s', 'q7' + 'private')",
    "metrics": """
from gateway.metrics.registry import Metrics
def test():
    metrics = Metrics()
    metrics.paused.labels(scope='q7' + 'private').set(1)
    metrics.exposition('')
""",
    "exception": """
import pytest
from gateway.settings import SettingsError
def test():
    with pytest.raises(SettingsError):
        raise SettingsError('simulator' + '-key')
""",
}
"""Tests that make something private be said, by where it is said."""
DISCREET = "def test():\n    print('to +1202' + '***0123')"


def test_a_test_that_makes_it_be_said_fails(tmp_path: Path) -> None:
    for name, test in (TOO_TALKATIVE | {"discreet": DISCREET}).items():
        (tmp_path / f"test_{name}.py").write_text(test)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "support.leaks", "-p", "no:cacheprovider", "--tb=short", "-rA"),
            *("-c", os.devnull, "--rootdir", str(tmp_path), str(tmp_path)),
        ],
        env=os.environ | {"PYTHONPATH": str(SUPPORT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    summary = done.stdout.rpartition("short test summary info")[2].splitlines()
    leaking = {line.partition("test_")[2].partition(".py")[0] for line in summary if LEAK in line}
    assert leaking == set(TOO_TALKATIVE), done.stdout
    assert "PASSED test_discreet.py::test" in summary
