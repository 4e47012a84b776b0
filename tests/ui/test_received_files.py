"""What uploaders hold: files that the server has, and those that went with one that ran before."""

import io
from types import SimpleNamespace

import pytest
import streamlit as st
from streamlit.runtime.uploaded_file_manager import DeletedFile

from abn.ui.controls import received_files

HERE, GONE = io.BytesIO(b"here"), DeletedFile("gone")


@pytest.mark.parametrize(
    ("held", "there", "lost"),
    [
        (None, [], False),
        ([], [], False),
        ([HERE], [HERE], False),
        ([HERE, GONE], [HERE], True),
        (HERE, [HERE], False),
        (GONE, [], True),
    ],
)
def test_a_file_that_went_with_another_server_is_lost_and_not_given(monkeypatch, held, there, lost):
    monkeypatch.setattr(st, "session_state", SimpleNamespace(get={"files": held}.get))
    assert received_files.given("files") == there and received_files.lost("files") is lost
