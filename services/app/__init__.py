"""What the process keeps: configuration, connections, and who may do what.

Face: `runtime` holds the one `pipeline`; `access` decides who is an operator; `notices` collects what needs
attention; `sandbox_admin` and `fault_switches` reach the sandbox's admin port.
"""
