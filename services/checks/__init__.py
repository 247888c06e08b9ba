"""Which settings of the stack lose records, and what CloudWatch counts.

Face: `page_data` is what the page asks; `lint` applies `pipe_rules` and `resource_rules` to the `settings`;
`cloudwatch`, `stack_metrics` and `alarms` read CloudWatch.
"""
