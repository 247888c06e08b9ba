"""The page Lookup: `page` is the script; one module for each tab."""
