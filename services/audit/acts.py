"""The acts that the entries of the audit log tell of: one from intent to outcome, and as files. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from core.spreadsheets import harmless
from services.audit.log import Entry, Stage, whole_lines

#: An act without an outcome and without an entry for so many seconds was probably cut off.
QUIET_S = 300.0
COLUMNS = ("started_at", "ended_at", "who", "act", "why", "state", "outcome", "lines", "act_id")


class ActState(Enum):
    """Whether an act came to its end, as far as the log tells."""

    ENDED = "ended"
    RUNNING = "still running, or just cut off"
    CUT_OFF = "cut off: there is no outcome"


@dataclass(frozen=True)
class Acted:
    """One act. Times in epoch seconds; `ended_at` is None without an outcome. `entries` are its own, oldest first."""

    act_id: str
    act: str
    who: str
    why: str
    started_at: float
    ended_at: float | None
    state: ActState
    outcome: str
    entries: tuple[Entry, ...]

    @property
    def lines(self) -> list[dict[str, Any]]:
        """What it lists: messages and keys before, and what became of each."""
        return whole_lines(self.entries)

    @property
    def summary(self) -> Mapping[str, Any]:
        """What intent and outcome say of it, without what it lists."""
        told: dict[str, Any] = {}
        for entry in self.entries:
            if entry.stage is not Stage.DETAIL:
                told.update(entry.details)
        return told

    def has_text(self, text: str) -> bool:
        """Whether the text is in any of its entries, without regard to case."""
        wanted = text.casefold()
        words = (self.act, self.who, self.why, self.outcome, self.act_id)
        return any(wanted in word.casefold() for word in words) or any(
            wanted in json.dumps(entry.details, ensure_ascii=False, default=str).casefold() for entry in self.entries
        )


def acts(entries: Iterable[Entry], now: float) -> tuple[Acted, ...]:
    """The acts, the one that began last first. One whose intent is older than the window begins with what is there."""
    by_id: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_id[entry.act_id].append(entry)
    found = [_acted(sorted(group, key=_order), now) for group in by_id.values()]
    return tuple(sorted(found, key=lambda act: act.started_at, reverse=True))


_STAGES = list(Stage)


def _order(entry: Entry) -> tuple[float, int]:
    return entry.at, _STAGES.index(entry.stage)


def _acted(entries: Sequence[Entry], now: float) -> Acted:
    first, last = entries[0], entries[-1]
    outcome = next((entry for entry in entries if entry.stage is Stage.OUTCOME), None)
    if outcome is not None:
        state = ActState.ENDED
    else:
        state = ActState.CUT_OFF if now - last.at > QUIET_S else ActState.RUNNING
    return Acted(
        first.act_id,
        first.act,
        first.who,
        first.why,
        first.at,
        outcome.at if outcome else None,
        state,
        str(outcome.details.get("outcome", "")) if outcome else "",
        tuple(entries),
    )


def to_csv(found: Iterable[Acted]) -> bytes:
    """A line for each act (UTF-8 with a byte order mark); no cell is a formula to a spreadsheet."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for act in found:
        ended = _utc(act.ended_at) if act.ended_at is not None else ""
        row = (_utc(act.started_at), ended, act.who, act.act, act.why, act.state.value, act.outcome, len(act.lines))
        writer.writerow([harmless(cell) for cell in (*row, act.act_id)])
    return text.getvalue().encode("utf-8-sig", "replace")


def to_json_lines(found: Iterable[Acted]) -> bytes:
    """Every act with all that it lists, one a line (UTF-8)."""
    return b"".join(
        f"{json.dumps(_described(act), ensure_ascii=False, default=str)}\n".encode("utf-8", "replace") for act in found
    )


def _described(act: Acted) -> dict[str, Any]:
    return {
        "act_id": act.act_id,
        "act": act.act,
        "who": act.who,
        "why": act.why,
        "started_at": _utc(act.started_at),
        "ended_at": _utc(act.ended_at) if act.ended_at is not None else None,
        "state": act.state.value,
        "outcome": act.outcome,
        "summary": act.summary,
        "lines": act.lines,
    }


def _utc(epoch_s: float) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).isoformat(timespec="milliseconds")
