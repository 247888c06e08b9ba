"""The page Weather: `page` is the script; a part of the page per module; `acts` is what its buttons do."""
