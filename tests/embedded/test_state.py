"""The folder of a server is set aside: renamed as a whole, under a free name, and only if no server uses it."""

import asyncio
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.embedded import EmbeddedError, EmbeddedPostgres, dated_names, set_aside
from gateway.embedded.state import hold

PARENT = """
import sys, time
from pathlib import Path
from gateway.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
server.start()
print(server.pid, flush=True)
time.sleep(60)
"""


def test_each_time_it_gets_a_name_that_is_free(tmp_path: Path) -> None:
    state = tmp_path / ".smsgw"
    made = []
    for number in range(3):
        state.mkdir()
        (state / "text").write_text(f"{number}")
        made += set_aside(state)
        assert not state.exists()
    assert [(folder / "text").read_text() for folder in made] == ["0", "1", "2"]
    assert [folder.name for folder in made] == [f"{made[0].name}{end}" for end in ("", "-2", "-3")]


def test_folders_that_belong_together_get_the_same_ending(tmp_path: Path) -> None:
    state, other = tmp_path / "a", tmp_path / "b"
    state.mkdir()
    other.mkdir()
    dated_names(other)[other].mkdir()
    endings = [folder.name[1:] for folder in set_aside(state, other, state, tmp_path / "none")]
    assert len(endings) == 2
    assert endings[0] == endings[1]
    assert endings[0].endswith("-2")


def test_what_is_not_there_is_not_made(tmp_path: Path) -> None:
    assert set_aside(tmp_path / "none") == []
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_another_process_holds_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "a"
    with hold(state), pytest.raises(EmbeddedError, match="another smsgw up runs"):
        set_aside(state)
    assert state.exists()
    assert set_aside(state) != []


def test_a_folder_that_cannot_be_renamed_is_an_error_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "a").mkdir()
    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(EmbeddedError, match=r"could not be renamed: .*Permission denied"):
        set_aside(tmp_path / "a")


@pytest.fixture
def state() -> Iterator[Path]:
    """A folder that the server's own user can reach."""
    with tempfile.TemporaryDirectory(prefix="smsgw-embedded-", dir="/var/tmp", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "state"


async def test_a_server_that_a_killed_start_left_is_ended_first(state: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(state), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    await parent.stdout.readline()
    parent.send_signal(signal.SIGKILL)
    await parent.wait()
    (kept,) = await asyncio.to_thread(set_aside, state)
    assert not (kept / "postgres" / "postmaster.pid").exists()
    with EmbeddedPostgres(state, durable=False), EmbeddedPostgres(kept, durable=False):
        pass
