"""`python -m abn study`: run or resume it, write its report, measure the cost; or print the summary."""

import argparse
import json
from pathlib import Path

from abn.errors import ABNError
from abn.study.findings import DATASETS, RESULTS, read_summary
from abn.training.sources import packages
from abn.vocabulary import ARMS

SEEDS = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m abn study`."""
    parser.add_argument(
        "action",
        nargs="?",
        choices=("run", "resume", "report", "cost"),
        help="run: train and measure all runs again; resume: only the missing ones; report: write the summary of all "
        "runs; cost: measure the cost of each part of the networks (default: print the summary)",
    )
    parser.add_argument(
        "--dataset", action="append", choices=DATASETS, help="run only this data set; may be repeated (default: all)"
    )
    parser.add_argument(
        "--arm", action="append", choices=ARMS, help="run only this arm; may be repeated (default: all)"
    )
    parser.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help="number of seeds: 1 to N")
    parser.add_argument("--seed", type=int, help="run only this seed (default: all of --seeds)")
    masks = (
        "folder or zip of photographs with object masks, to measure maps of networks trained with Caltech-101 "
        "(default: not measured)"
    )
    parser.add_argument("--masks", type=Path, metavar="PATH", help=masks)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to train and measure")
    short = (
        "train with 20,000 images of CIFAR-100 for 10 epochs, without a GPU; needs its own --results (default: all "
        "50,000 images for 20 epochs)"
    )
    parser.add_argument("--short", action="store_true", help=short)
    parser.add_argument("--parallel", type=int, default=1, metavar="N", help="number of runs at the same time")
    packages.add_packages_argument(parser)
    work = "folder for data computed once and for the state of stopped trainings"
    parser.add_argument("--work", type=Path, default=packages.DATA / "study", help=work)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the result files")
    parser.add_argument("--json", action="store_true", help="print the summary as one JSON object instead of text")


def run(args: argparse.Namespace) -> int:
    """Do what was asked; returns the exit status."""
    if args.action in ("run", "resume"):
        _perform(args)
    elif args.action == "cost":
        from abn.study.measure_cost import run_cost

        run_cost(args.results)
    elif args.action == "report":
        from abn.study.report import write

        write(args.results)
    if args.action in ("run", "resume", "cost"):
        return 0
    summary = read_summary(args.results)
    print(json.dumps(summary) if args.json else _as_text(summary))
    return 0


def _perform(args: argparse.Namespace) -> None:
    import torch

    from abn.study.experiments import Place
    from abn.study.runs import perform, plan

    torch.set_num_threads(1)  # two runs beside each other are faster than one on two threads
    if args.parallel < 1 or args.seeds < 1:
        raise ABNError("--seeds and --parallel must be 1 or more.")
    if args.device == "cuda" and not torch.cuda.is_available():
        raise ABNError("PyTorch finds no CUDA device: leave out --device.")
    if args.short and args.results == RESULTS:
        raise ABNError("Results of --short must not be mixed with others: give another folder with --results.")
    seeds = list(range(1, args.seeds + 1)) if args.seed is None else [args.seed]
    jobs = plan(args.dataset or list(DATASETS), args.arm or ARMS, seeds)
    place = Place(args.data, args.work, args.masks, args.device, args.short)
    perform(jobs, place, again=args.action == "run", results=args.results, parallel=args.parallel)


def _as_text(summary: dict) -> str:
    lines = [f"{len(summary['runs'])} runs"]
    for row in summary["comparisons"]:
        outcome = "interval includes 0" if row["ci_low"] <= 0 <= row["ci_high"] else "interval excludes 0"
        lines.append(
            "{dataset:18} {metric:20} {arm:>14} − {against:<14} {mean_difference:+.4f}  "
            "[{ci_low:+.4f}, {ci_high:+.4f}]  p {p:.4f}  Holm {p_holm:.4f}  ".format(**row)
            + outcome
        )
    return "\n".join(lines)
