"""Custom Streamlit components: each a Python function with its script and style beside it."""
