"""The page Live topic: `page` is the script; `route` serves the stream that its board draws."""
