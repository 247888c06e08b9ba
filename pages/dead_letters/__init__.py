"""The page Dead letters: `page` is the script; `acts` is what its buttons do, `work` shows how far it is."""
