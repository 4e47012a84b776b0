"""Teach: links that open a page as a teacher wants it, and a sheet for the lesson."""

import streamlit as st

from abn import sheet
from abn.ui import frame, links, live

frame.begin("Teach", "Make a link that opens a page just as you want it, and print a sheet for the lesson.")

st.subheader("Make a link", anchor="link")
links.make()

st.subheader("Instructor's sheet", anchor="sheet")
asked = sheet.questions()
st.download_button(
    "Download it, to print",
    sheet.document(asked),
    "abn-explorer-instructor.html",
    "text/html",
    icon=":material/print:",
    on_click="ignore",
    key="sheet",
)
with st.expander("Read it here: it holds the answers", icon=":material/key:"):
    st.html(sheet.body(asked))
live.take_over()
