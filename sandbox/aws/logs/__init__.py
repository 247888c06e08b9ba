"""CloudWatch Logs as AWS answers it: filter patterns, and pages without loss.

Face: `front` stands before the emulator and answers FilterLogEvents itself.
"""
