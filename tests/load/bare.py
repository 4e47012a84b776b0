"""How fast the bare networks are on this machine: pictures a second, one thread in each process, batch 1.

A picture is one whole forward pass of each network that Compare shows first, on pixels that are ready. Run as a script
it measures for so many seconds and prints two numbers: passes for each network by itself, and with the feature
extractor shared as the app shares it.
"""

import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def pace(processes: int, seconds: float) -> dict[str, float]:
    """Pictures a second of all processes together."""
    command = [sys.executable, __file__, str(seconds)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    told = [json.loads(one.communicate(timeout=60 + 4 * seconds)[0]) for one in running]
    return {name: sum(one[name] for one in told) for name in told[0]}


def measure(seconds: float) -> dict[str, float]:
    """This process alone, once it is warm."""
    sys.path.insert(0, str(ROOT))
    import torch

    from abn import first_view
    from abn.explainer import explain_fed, feed
    from abn.picture import fit_picture, open_picture
    from abn.variants import list_variants, load_variant

    torch.set_num_threads(1)
    cards = list_variants()[:3]
    networks = {card.id: load_variant(card) for card in cards}
    photo = next(iter(first_view.gallery().values()))
    fitted = fit_picture(open_picture(photo.path.read_bytes()), cards[0].input, "crop")
    fed = {cards[0].input: feed([fitted], cards[0].input)}
    images = fed[cards[0].input].images

    def separate() -> None:
        with torch.inference_mode():
            for network in networks.values():
                network(images)

    def shared() -> None:
        explain_fed(fed, cards, load=lambda card: networks[card.id])

    found = {}
    for name, once in (("separate", separate), ("shared", shared)):
        for _ in range(5):
            once()
        count, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < seconds:
            once()
            count += 1
        found[name] = count / (time.perf_counter() - begun)
    return found


if __name__ == "__main__":
    print(json.dumps(measure(float(sys.argv[1]))))
