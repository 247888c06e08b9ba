"""EventBridge Pipes for the sandbox: `service` is the API and the runtime as one object."""
