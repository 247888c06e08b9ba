"""One module for each kind of resource: how it is observed, made, changed and deleted; `registry` lists them."""
