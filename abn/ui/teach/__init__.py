"""Panels of the page Teach: links that open a page with chosen content, and papers for a lesson."""
