"""How the three pipes do: their settings, their ledger, and their verdicts.

Face: `describe` reads and starts and stops pipes; `stream_reader` reads the table's stream; `tracker` joins stream
and log records to a `ledger` for each pipe; `health` makes verdicts by the rules in `verdicts`; `latency` keeps
durations.
"""
