"""The photographs that ship."""

from abn.images import samples


def test_the_gallery_is_complete_and_credited():
    gallery = samples.gallery()
    assert len(gallery) >= 12
    for photo in gallery.values():
        assert photo.path.is_file() and photo.title and photo.alt and photo.author and photo.license and photo.source
