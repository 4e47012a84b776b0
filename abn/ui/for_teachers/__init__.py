"""Panels of the page For teachers: links that open a page with chosen content, and papers for a lesson."""
