"""`python -m abn explain`: images, folders of any size and lists of them, explained batch by batch."""
