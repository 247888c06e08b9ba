"""The dead-letter queue: its messages, why each failed, and how to repair what it points at.

Face: `queue` reads and deletes messages, `message` decodes one; `monitor` looks for all viewers; `diagnosis` joins
record, cause and both sides of the key; `repair_jobs` repairs, republishes, deletes and purges, each an act of the
audit log.
"""
