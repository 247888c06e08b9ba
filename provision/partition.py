"""Which part of AWS a region belongs to: ARNs begin with its name. Pure; a test holds it against botocore's list."""

from __future__ import annotations

#: What regions begin with → their partition; all others are in `aws`.
_PARTITIONS = {
    "cn-": "aws-cn",
    "us-gov-": "aws-us-gov",
    "us-iso-": "aws-iso",
    "us-isob-": "aws-iso-b",
    "eu-isoe-": "aws-iso-e",
    "us-isof-": "aws-iso-f",
    "eu-isof-": "aws-iso-f",
    "eusc-": "aws-eusc",
}


def partition_of(region: str) -> str:
    """The partition of a region, such as `aws` or `aws-cn`."""
    return next((name for beginning, name in _PARTITIONS.items() if region.startswith(beginning)), "aws")
