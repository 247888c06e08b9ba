"""The names of the stack, in one place. Leaf module: everything may import it, it imports nothing of ours."""

TABLE = "weather-stats-demo"
TABLE_KEY = "Location"
SECRET = "momento-eventbridge-api-key"
CONNECTION = "weather-stats-demo-connection"
QUEUE = "weather-stats-demo-dlq"
ROLE = "AmazonEventBridgePipeWeatherStatsDemoEventToMomentoCache"
ROLE_POLICY = "WeatherStatsDemoPipes"

CACHE_PUT = "cache-put"
TOPIC_PUBLISH = "topic-publish"
CACHE_DELETE = "cache-delete"
#: The three flows of the pipeline, in the order in which people speak of them.
FLOWS = (CACHE_PUT, TOPIC_PUBLISH, CACHE_DELETE)

CACHE = "momento-eventbridge-cache"
TOPIC = "momento-eventbridge-topic"


def log_group(region: str) -> str:
    """Name of the log group that all three pipes write to."""
    return f"weather-stats-demo-logs-{region}"


def audit_log_group(region: str) -> str:
    """Name of the log group that tells who changed what through the dashboard."""
    return f"weather-stats-demo-audit-{region}"


def api_destination(flow: str) -> str:
    """Name of the API destination of one flow."""
    return f"weather-stats-demo-{flow}-api-destination"


def pipe(flow: str) -> str:
    """Name of the pipe of one flow."""
    return f"weather-stats-demo-{flow}-pipe"


#: Pipe names, in the order of FLOWS.
PIPES = tuple(pipe(flow) for flow in FLOWS)

#: Pipe name -> its flow, for the three pipes of the stack.
FLOW_OF = {pipe(flow): flow for flow in FLOWS}
