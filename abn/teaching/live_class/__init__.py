"""The live class: a room in which everybody predicts first, and then the class's own attention map appears beside M.

Start with `room.py`, what a room holds and how it changes; nothing here needs Streamlit.
"""
