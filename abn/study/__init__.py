"""The study that the paper lacks: arms × seeds × data sets, measured, compared, and what each part costs."""
