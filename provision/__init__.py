"""The stack as declared resources: plan, apply, verify, tear down."""
