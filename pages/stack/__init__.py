"""The page Stack: `page` is the script, `view` its table of resources."""
