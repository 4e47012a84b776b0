"""Teach: links that open a page as a teacher wants it, and a sheet for the lesson."""

import streamlit as st

from abn.errors import ABNError
from abn.study import findings
from abn.teaching import worksheet
from abn.ui import layout
from abn.ui.runtime import cached_inference
from abn.ui.teach import links

layout.begin("Teach", "Make a link that opens a page just as you want it, and print a sheet for the lesson.")

st.subheader("Make a link", anchor="link")
links.show_link_builder()

st.subheader("Instructor's sheet", anchor="sheet")
try:
    accuracy = findings.compared(findings.read_study(), "none").sentences
except ABNError:  # the sheet does without this question
    accuracy = ()
with st.spinner("Running the variants on the gallery …"):
    questions = worksheet.questions(cached_inference.explain_image, accuracy)
st.download_button(
    "Download it, to print",
    worksheet.document(questions),
    "abn-explorer-instructor.html",
    "text/html",
    icon=":material/print:",
    on_click="ignore",
    key="sheet",
)
with st.expander("Read it here: it holds the answers", icon=":material/key:"):
    st.html(worksheet.body(questions))
