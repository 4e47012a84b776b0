"""The only Streamlit in abn: the frame of every page, what a person picks with, and what they see."""
