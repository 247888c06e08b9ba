"""What AWS would measure of the calls: the metrics of DynamoDB, its streams and SQS.

Face: `front` watches the calls; `usage` keeps the sums until CloudWatch takes them.
"""
