"""The metrics of the contract."""

import shutil
import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.metrics.registry import Metrics

NAMES = [
    "smsgw_messages_claimed",
    "smsgw_messages_finished",
    "smsgw_outbox_messages",
    "smsgw_outbox_oldest_ready_seconds",
    "smsgw_drain_eta_seconds",
    "smsgw_provider_requests",
    "smsgw_provider_request_seconds",
    "smsgw_provider_inflight",
    "smsgw_request_recipients",
    "smsgw_commit_to_send_seconds",
    "smsgw_commit_to_accept_seconds",
    "smsgw_accept_to_receipt_seconds",
    "smsgw_commit_to_delivered_seconds",
    "smsgw_retries",
    "smsgw_limiter_tokens",
    "smsgw_limiter_wait_seconds",
    "smsgw_breaker_open",
    "smsgw_paused",
    "smsgw_webhook_requests",
    "smsgw_webhook_seconds",
    "smsgw_receipts",
    "smsgw_receipts_unmatched",
    "smsgw_receipt_conflicts",
    "smsgw_reconcile_corrections",
    "smsgw_lease_expired",
    "smsgw_duplicate_unexpected",
    "smsgw_build_info",
]


@pytest.fixture
def exposition() -> str:
    """The metrics of a process that has done nothing yet."""
    return Metrics().exposition("text/plain")[0].decode()


def test_every_metric_of_the_contract_is_there_from_the_start(exposition: str) -> None:
    families = {family.name for family in text_string_to_metric_families(exposition) if family.samples}
    assert set(NAMES) <= families


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_finds_nothing_to_say(exposition: str) -> None:
    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=exposition, capture_output=True, text=True, check=False
    )
    said = [line for line in (checked.stdout + checked.stderr).splitlines() if line.startswith("smsgw_")]
    assert (checked.returncode, said) == (0, [])
