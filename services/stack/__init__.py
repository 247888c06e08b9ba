"""The stack as it is beside the stack as `provision` declares it.

Face: `reader` reads every resource; `report` compares it with the declaration. It changes nothing.
"""
