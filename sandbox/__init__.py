"""The embedded stack: AWS, EventBridge Pipes and Momento in one process. `server` puts the parts together."""
