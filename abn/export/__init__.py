"""Results to keep: figures, tables, one HTML report, and one zip with its manifest."""
