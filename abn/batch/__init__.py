"""Explaining as many pictures as there are: `python -m abn explain`, on one process or on several under torchrun."""
