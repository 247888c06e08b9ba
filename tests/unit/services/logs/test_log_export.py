"""What leaves the page Logs as a file."""

from __future__ import annotations

import csv
import io
import json

from services.logs.executions import Execution, Outcome
from services.logs.export import executions_csv, records_jsonl
from tests.unit.services.logs.test_pipe_logs import VALIDATION_LINE, parse, record


def test_executions_become_lines_with_times_in_utc_and_no_formula() -> None:
    one = Execution(
        "e1", "cache-put", 1_726_151_215_307, 1_726_151_215_400, Outcome.FAILED, '=HYPERLINK("x")', error="a, b\nc"
    )

    (row,) = csv.DictReader(io.StringIO(executions_csv([one])))

    assert row["started"] == "2024-09-12T14:26:55.307+00:00"
    assert (row["duration_ms"], row["outcome"], row["pipe"]) == ("93", "failed", "cache-put")
    assert row["location"] == '\'=HYPERLINK("x")'
    assert row["error"] == "a, b\nc"


def test_records_become_a_line_each_as_they_came() -> None:
    records = [record("ExecutionStarted", 5), parse("id", 6, VALIDATION_LINE), parse("id2", 7, "two\r\nlines")]

    first, second, third = records_jsonl(records).splitlines()

    assert json.loads(first)["messageType"] == "ExecutionStarted"
    assert (second, third) == (VALIDATION_LINE, "two  lines")
