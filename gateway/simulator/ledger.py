"""Every text that was sent, and how often."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO


@dataclass(frozen=True, slots=True)
class Sent:
    """One text to one recipient."""

    external_id: str
    number: str
    text: str
    request_id: str
    sender: int | None
    sent_at: float


@dataclass(frozen=True, slots=True)
class Dropped:
    """One text that the provider accepted and did not send."""

    external_id: str
    number: str
    request_id: str
    told: bool
    """Whether the answer's count excluded it; otherwise it was dropped silently."""
    dropped_at: float


class Ledger:
    """Kept in memory, and appended to a file if there is one, so that a kill loses nothing."""

    def __init__(self, path: Path | None = None) -> None:
        self._entries: list[Sent] = []
        self._counts: Counter[tuple[str, str]] = Counter()
        self.dropped: list[Dropped] = []
        self._file: TextIO | None = None
        if path is not None:
            if path.exists():
                for line in path.read_text(encoding="utf-8").splitlines():
                    self._read(json.loads(line))
            path.parent.mkdir(parents=True, exist_ok=True)
            # Line-buffered: a text must be written to the kernel before the request is answered.
            self._file = path.open("a", encoding="utf-8", buffering=1)

    def add(self, entry: Sent) -> None:
        """Store a text that was sent."""
        self._remember(entry)
        self._write(entry)

    def drop(self, entry: Dropped) -> None:
        """Store a text that was accepted and not sent."""
        self.dropped.append(entry)
        self._write(entry)

    def request_ids(self) -> dict[str, float]:
        """Return the request ids under which texts were sent, and when."""
        return {entry.request_id: entry.sent_at for entry in self._entries if entry.request_id}

    def entries(self) -> Iterator[tuple[Sent, int]]:
        """Yield each (external id, number) once, with its first text and how often it was sent."""
        seen: set[tuple[str, str]] = set()
        for entry in self._entries:
            key = (entry.external_id, entry.number)
            if key not in seen:
                seen.add(key)
                yield entry, self._counts[key]

    def doubled(self) -> int:
        """Return how many (external id, number) were sent more than once."""
        return sum(1 for count in self._counts.values() if count > 1)

    def __len__(self) -> int:
        return len(self._entries)

    def clear(self) -> None:
        """Delete everything."""
        self._entries.clear()
        self._counts.clear()
        self.dropped.clear()
        if self._file is not None:
            self._file.truncate(0)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _read(self, written: dict[str, Any]) -> None:
        if "dropped_at" in written:
            self.dropped.append(Dropped(**written))
        else:
            self._remember(Sent(**written))

    def _write(self, entry: Sent | Dropped) -> None:
        if self._file is not None:
            self._file.write(json.dumps(asdict(entry), ensure_ascii=True) + "\n")

    def _remember(self, entry: Sent) -> None:
        self._entries.append(entry)
        self._counts[entry.external_id, entry.number] += 1
