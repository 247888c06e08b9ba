"""The pages: a folder for each, `frame` for what surrounds them. `navigation.py` is the script that Streamlit runs."""
