"""The examples of deploy/ are what the programs that read them take."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parents[1] / "deploy"


def run(*command: str, folder: Path) -> str:
    """Run a program that judges a file; raises with its words when it is not content."""
    path = shutil.which(command[0], path="/usr/bin:/usr/sbin:/bin:/sbin")
    if path is None:
        pytest.skip(f"this machine has no {command[0]}")
    done = subprocess.run([path, *command[1:]], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = (DEPLOY / "systemd" / "smsgw.service").read_text().replace("/opt/smsgw/.venv/bin/smsgw", sys.executable)
    (tmp_path / "smsgw.service").write_text(unit)
    assert run("systemd-analyze", "verify", "./smsgw.service", folder=tmp_path) == ""


def test_haproxy_takes_its_configuration(tmp_path: Path) -> None:
    run("haproxy", "-c", "-f", str(DEPLOY / "patroni" / "haproxy.cfg"), folder=tmp_path)


def test_patroni_takes_its_configuration(tmp_path: Path) -> None:
    assert run("patroni", "--validate-config", str(DEPLOY / "patroni" / "patroni.yml"), folder=tmp_path) == ""
