"""`python -m abn explain --from MANIFEST`: what an export of the app says, made again and compared.

The networks run as they do in the app, one picture at a time and not quickened, so that on the machine of the export
the numbers are the same to the last digit, and elsewhere all but.
"""

import argparse
import logging
import sys
from pathlib import Path

from abn.batch.image_stream import Item
from abn.batch.pipeline import Result, read
from abn.batch.shards import Shard
from abn.errors import ABNError, ManifestError
from abn.explanations.explainer import explain
from abn.export.figures import SIDE
from abn.export.manifest import MAX_BYTES, Manifest, read_manifest
from abn.export.reproduce import card_of, check_picture, photo_of, verdict
from abn.files import safe_stems
from abn.images.display_name import one_line
from abn.variants.store import list_variants, load_variant

TOLD = "IMAGE --json --out --top --device".split()  # what may stand beside --from


def run_again(args: argparse.Namespace, shard: Shard) -> int:
    """Print the explanations as `explain` does, then say on standard error whether they are the manifest's; returns the
    exit status, 1 where they are not."""
    from abn.batch.command import as_line, device_named, save

    others = (args.variant, args.mechanism, args.fit, args.list, args.to, args.resume or None, args.workers)
    if any(option is not None for option in others) or len(args.images) > 1:
        args.misuse(f"--from takes everything else from the export: beside it may stand {', '.join(TOLD)}")
    if shard.count > 1:
        raise ABNError("An export is made again by one process: leave torchrun out.")
    manifest = _manifest(args.manifest)
    path = Path(args.images[0]) if args.images else photo_of(manifest).path
    picture = read(str(path))
    check_picture(manifest, picture.sha256)
    known = {card.id: card for card in list_variants()}
    cards = [card_of(result, known) for result in manifest.results]
    device = device_named("cpu" if args.device == "auto" else args.device)
    networks = {card.id: load_variant(card).to(device) for card in cards}
    found = explain(picture, cards, fit=manifest.fit, mechanism=manifest.mechanism, load=lambda card: networks[card.id])
    item = Item(args.images[0] if args.images else path.name, safe_stems([path.stem])[0])
    result = Result(item, "", picture.sha256, picture.notes, picture, found)
    print(as_line(result, top=args.top, as_json=args.json))
    if args.out:
        picture.image.thumbnail((SIDE, SIDE))
        save(result, args.out, logging.INFO, manifest.drawing)
    same, sentence = verdict(manifest, found)
    print(sentence, file=sys.stderr)
    return int(not same)


def _manifest(path: Path) -> Manifest:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ManifestError(f"{one_line(str(path))} can't be read ({error.strerror}).") from error
    return read_manifest(data)
