"""The audit log: who changed what, when, why, and with what outcome.

Face: `log` writes and reads entries; `acts` joins the entries of one act. An act writes its intent to the log
before it begins, and its outcome after it.
"""
