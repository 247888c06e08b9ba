"""The page Audit: `page` is the script."""
