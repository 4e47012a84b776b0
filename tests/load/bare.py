"""How fast the bare networks are on this machine: pictures a second, one thread in each process, batch 1.

A picture is one answer of each network that Compare shows first. Run as a script it measures for so many seconds each:
`separate`, the whole forward pass of each network by itself in PyTorch, on pixels that are ready; `onnx`, the same in
ONNX Runtime; `shared`, that with the feature extractor run once, as the app does it; and `explained`, all that explain
does with an opened photograph of a camera's size, fitting it included.
"""

import asyncio
import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).resolve()
HAD = "had"  # of a processor, by each process: well below 1 where others were at work


async def pace(processes: int, seconds: float) -> dict[str, float]:
    """Pictures a second of all processes together, and how much of a processor each had."""
    command = [sys.executable, str(HERE), str(seconds)]
    running = [await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE) for _ in range(processes)]
    try:
        async with asyncio.timeout(120 + 6 * seconds):
            told = [json.loads((await one.communicate())[0]) for one in running]
    finally:
        for one in running:
            with suppress(ProcessLookupError):
                one.kill()
            await one.communicate()  # its pipe is closed with it
    both = {name: sum(one[name] for one in told) for name in told[0]}
    return {**both, HAD: both[HAD] / processes}


def measure(seconds: float) -> dict[str, float]:
    """This process alone, once it is warm."""
    import torch

    from abn.engine.inference import stack_images
    from abn.engine.loading import load_runner
    from abn.engine.runner import perceive
    from abn.explanations.explainer import explain, explain_inputs
    from abn.images.decode import open_picture
    from abn.images.fit import fit_picture
    from abn.ui.controls.selection import default_variants
    from abn.variants.store import find_variant, list_variants, load_variant
    from load.photographs import photographs

    torch.set_num_threads(1)
    cards = [find_variant(name) for name in default_variants(list_variants())]
    networks = {card.id: load_variant(card) for card in cards}
    runners = {card.id: load_runner(card) for card in cards}
    picture = open_picture(photographs(1, seed=0)[0])
    fitted = {card.input: [fit_picture(picture, card.input, "crop")] for card in cards}
    images = {spec: stack_images(fitted[spec], spec) for spec in fitted}

    def separate() -> None:
        with torch.inference_mode():
            for card in cards:
                networks[card.id](torch.from_numpy(images[card.input]))

    def onnx() -> None:
        for card in cards:
            runner = runners[card.id]
            features = runner.extract(images[card.input])
            perceive(runner, features, runner.attend(features)[1])

    def shared() -> None:
        explain_inputs(fitted, cards, load=lambda card: runners[card.id])

    def explained() -> None:
        explain(picture, cards, load=lambda card: runners[card.id])

    wall, processor = time.perf_counter(), time.process_time()
    found = {once.__name__: _paced(once, seconds) for once in (separate, onnx, shared, explained)}
    return {**found, HAD: (time.process_time() - processor) / (time.perf_counter() - wall)}


def _paced(once, seconds: float) -> float:
    for _ in range(5):
        once()
    count, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < seconds:
        once()
        count += 1
    return count / (time.perf_counter() - begun)


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    sys.path[:1] = [str(HERE.parents[1]), str(HERE.parents[2])]
    print(json.dumps(measure(float(sys.argv[1]))))
