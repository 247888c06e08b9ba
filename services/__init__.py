"""What pages and commands ask: a folder for each subject, called a room. No Streamlit, no sandbox.

`tests/test_layout.py` lists which room may use which. A room's docstring names its face, the modules that others
use.
"""
