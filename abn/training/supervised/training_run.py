"""One training with all that comes of it: epochs recorded, the map's history, the saved variant and its card."""

import logging
from dataclasses import dataclass, replace

import numpy as np
import torch

from abn.network.model import AttentionBranchNetwork
from abn.training.distributed import Processes
from abn.training.map_recorder import MapRecorder, gallery_inputs, recording_steps
from abn.training.provenance import code_version
from abn.training.sources.array_images import ArrayImages
from abn.training.supervised import built_in_data
from abn.training.supervised.built_in_data import BUILT_IN
from abn.training.supervised.contact_sheet import PreviewImages
from abn.training.supervised.datasets import Dataset, sample_per_class
from abn.training.supervised.epochs import CRITERION, METRICS, EpochLog, measure
from abn.training.supervised.options import TrainingPlan
from abn.training.supervised.training import train
from abn.variants.card import Card
from abn.variants.new_card import create_card
from abn.variants.store import load_variant, save_variant, write_card

PREVIEWS = 12  # images whose maps are drawn and recorded
RECORDED_IMAGES = 1000  # test images of a built-in data set that the history of the map is measured on
MAX_HALF = 65_504  # of half precision
TITLES = {"additive": "additive", "multiplicative": "multiplicative", "none": "none (control)"}

log = logging.getLogger(__name__)


@dataclass
class TrainingRun:
    """One training, ready for its first step, or to resume."""

    plan: TrainingPlan
    data: Dataset
    network: AttentionBranchNetwork
    origin: dict[str, str]  # on the card, of the weights that `network` starts from
    device: str
    processes: Processes

    def __post_init__(self) -> None:
        plan, order = self.plan, self.plan.recipe.order(len(self.data.training.labels), self.plan.seed)
        self.total = len(order)
        previews = self._choose_previews()
        self.epochs = EpochLog(
            self.network,
            self.data.validation,
            ends=order.epoch_ends(),
            batch=plan.recipe.batch,
            folder=plan.work,
            previews=previews,
            device=self.device,
            processes=self.processes,
        )
        self.recording_steps = set(recording_steps(self.total))
        if not self.is_built_in:  # at the ends of epochs, where metrics are known
            ends = np.array(list(self.epochs.epochs))
            self.recording_steps = {int(ends[abs(ends - step).argmin()]) for step in self.recording_steps}
        ids, inputs, pictures = previews.ids, previews.inputs, None
        if self.is_built_in and not BUILT_IN[str(plan.data)].may_be_shown:
            ids, inputs = gallery_inputs(self.data.input)
        else:
            pictures = np.stack([np.asarray(image.convert("L")) for image in previews.images])
        self.recorder = MapRecorder(
            self.network,
            inputs,
            self._recorded_metrics,
            ids=ids,
            total=self.total,
            path=plan.path.with_suffix(".life.npz"),
            pictures=pictures,
            level=logging.INFO if self.is_built_in else logging.DEBUG,
        )

    @property
    def is_built_in(self) -> bool:
        return isinstance(self.data.test, ArrayImages)

    def train(self) -> None:
        """Train, or resume, to the end."""
        plan = self.plan
        if plan.mechanism == "none":  # the map is not applied, so that no loss reaches what makes it
            for part in (self.network.attention_branch.map_head, self.network.attention_branch.map_norm):
                part.requires_grad_(False)
        if plan.sync_bn:
            self.processes.synchronize_batchnorm(self.network, self.device)
        identity = {"backbone": plan.backbone, "mechanism": plan.mechanism, "sync_bn": plan.sync_bn}
        identity |= {"weights": self.origin.get("weights_sha256", ""), "bfloat16": plan.bfloat16, "seed": plan.seed}
        train(
            self.network,
            self.data.training,
            plan.recipe,
            seed=plan.seed,
            path=plan.path,
            settings={**plan.recipe.to_json(), **self.data.identity, **identity},
            moments=self.recording_steps | self.epochs.epochs.keys(),
            at_moment=self._record,
            processes=self.processes,
            device=self.device,
            bfloat16=plan.bfloat16,
            tally=self.epochs.tally,
            save_each=plan.save_each,
            log_each=max(10, self.total // 500),
        )
        if self.epochs.records[-1]["step"] != self.total:  # stopped between the last step and its record
            self._record(self.total)

    def finish(self) -> None:
        """Save the best epoch's weights as a variant, read it back, and measure it."""
        step = self.epochs.restore_best()
        card = save_variant(self.network, self._make_card(), self.plan.folder, half=_fits_half(self.network))
        self.recorder.finish(card, best=step)
        measured = (
            next(built_in_data.measure_cards([card], self.plan.packages))[1]
            if self.is_built_in
            else self._measure(card)
        )
        write_card(replace(card, measured=measured))
        figures = [
            f"{name}: " + ", ".join(f"{key} {value}" for key, value in values.items())
            for name, values in measured.items()
            if "accuracy" in values
        ]
        kept = [card.trained["kept"]] if "kept" in card.trained else []
        log.info("%s", "\n".join([f"{card.id} is ready: {card.weights}", *figures, *kept]))

    def _choose_previews(self) -> PreviewImages:
        images = self.data.validation or self.data.test
        assert images is not None  # a folder has validation images, a built-in data set test images
        which = sample_per_class(images.labels, PREVIEWS)
        inputs = torch.cat([inputs for inputs, _ in images.plain_batches(which, len(which))])
        return PreviewImages(inputs, images.labels[which], which, self.data.classes, self.data.input)

    def _record(self, step: int) -> None:
        if step in self.epochs.epochs:
            self.epochs.record(step)
        if step in self.recording_steps and self.processes.is_first:
            self.recorder.record(step)

    def _recorded_metrics(self) -> dict[str, float]:
        """The metrics of the map's history."""
        if isinstance(self.data.test, ArrayImages):
            images = self.data.test.part(slice(RECORDED_IMAGES))
            return built_in_data.measure(self.network, images, device=self.device)
        return {name: self.epochs.current[name] for name in METRICS}

    def _make_card(self) -> Card:
        """The card before anything was measured on what was saved."""
        plan, data, best = self.plan, self.data, self.epochs.best
        trained = {
            "command": plan.command,
            "data": data.description,
            "seed": plan.seed,
            "commit": code_version(),
            "steps": self.total,
            "bfloat16": plan.bfloat16,
            "schedule": plan.recipe.to_json(),
            "processes": self.processes.size,
            **({"synchronized_norms": True} if plan.sync_bn else {}),
            **self.origin,
            **({"notes": list(data.notes)} if data.notes else {}),
        }
        if best is not None:
            trained["kept"] = (
                f"epoch {best['epoch']} of {len(self.epochs.epochs) - 1}, the best on validation images by the "
                f"perception head's {CRITERION}, {best[CRITERION]:.4f}; test images had no influence"
            )
        license = dict(data.license)
        if plan.weights is not None:
            license["source"] += f", from the weights in {plan.weights.name}, whose license applies too"
        return create_card(
            self.network.cpu().eval(),
            id=plan.name,
            title=f"{data.title}, {TITLES[plan.mechanism]}",
            summary=data.summary,
            family=plan.family,
            backbone=plan.backbone,
            classes=list(data.classes),
            input=data.input,
            trained=trained,
            license=license,
            kind=data.kind,
        )

    def _measure(self, card: Card) -> dict:
        """Figures of the weights as they are read, beside those before training."""
        network = load_variant(card).to(self.device).to(memory_format=torch.channels_last)
        figures: dict[str, dict] = {
            name: {"count": len(images.labels), **measure(network, images, device=self.device)}
            for name, images in (("validation", self.data.validation), ("test", self.data.test))
            if images is not None
        }
        before: dict = next((record for record in self.epochs.records if record["step"] == 0), {})
        control = {"count": figures["validation"]["count"], **{name: before.get(name) for name in METRICS}}
        return {**figures, "controls": {"before training": {"validation": control}}}


def _fits_half(network: AttentionBranchNetwork) -> bool:
    """Whether half precision can hold the weights."""
    tensors = [tensor for tensor in network.state_dict().values() if tensor.is_floating_point()]
    return all(tensor.abs().max() < MAX_HALF for tensor in tensors if tensor.numel())
