"""The page Overview: `page` is the script, with the picture of the pipeline and the notices beside it."""
