"""The guided lesson: ten short pages, each with its words, one task that the app checks, and what to notice.

Only the texts are here; what is shown and checked live is in abn/ui/learn/lesson_steps.py, a function for each
`Step.key`.
"""

from dataclasses import dataclass

WORDS = 120  # of a step's text, at most


@dataclass(frozen=True)
class Step:
    """One page of the lesson. The texts are Markdown."""

    key: str
    title: str
    text: str
    task: str
    notice: str  # shown once the task is done
    page: str  # where to go on, a key of frame.PAGES


STEPS = (
    Step(
        "why",
        "Why an attention branch?",
        "A CNN answers, but does not say where it looked. **CAM** and **Grad-CAM** ask a finished network afterwards: "
        "which cells spoke for this class? Nobody trained these maps, and nothing depends on them.\n\n"
        "An **Attention Branch Network** makes its own map M while it answers. The map is trained together with the "
        "network, and the rest of the network has to work with it. So it is not a comment on the answer: it is a part "
        "of how the answer comes about.",
        "Choose another class in the list, one that is not in the picture. Which of the three maps change?",
        "CAM and Grad-CAM changed, as each belongs to one class. M stayed: it is made before the network answers and "
        "belongs to no class.",
        "pages/Inside.py",
    ),
    Step(
        "parts",
        "The three parts",
        "The **feature extractor** turns the picture x into features g(x): many small maps of learned patterns. The "
        "**attention branch** reads them and makes two things: an answer of its own, and the attention map M. M "
        "reweighs the features to g′. The **perception branch** sees g′, and gives the network's answer.\n\n"
        "The attention branch is sometimes drawn beside the perception branch, as if both ran at once. They do not: "
        "its map is fed into the perception branch.",
        "Follow the path: press M, then g′, then the logits at its end.",
        "One line from the picture to the answer, and g takes a second way round the attention branch, to meet M. The "
        "auxiliary logits leave the path: the network's answer never sees them.",
        "pages/Inside.py",
    ),
    Step(
        "map",
        "The map M and its two equations",
        "M has one number between 0 and 1 for each cell. In a cell, every channel of g is multiplied by the same "
        "number:\n\n"
        "**multiplicative** (Eq. 1): g′ = M · g\n\n"
        "**additive** (Eq. 2): g′ = (1 + M) · g\n\n"
        "With Eq. 1 a cell of M = 0 is silenced. With Eq. 2 nothing is ever silenced: such a cell passes as it is, and "
        "one of M = 1 doubles.",
        "Find a cell whose features the additive network multiplies by more than 1.8, and press it.",
        "The same M does two very different things. Under Eq. 2 the darkest cells still pass with a factor above 1; "
        "under Eq. 1 only a small part of them is left.",
        "pages/Inside.py",
    ),
    Step(
        "mechanism",
        "Additive or multiplicative?",
        "A network is trained with one mechanism and gets used to it. The toggle swaps the mechanism and keeps the "
        "weights. That is an intervention: the network never met these features while it was trained, and it is *not* "
        "the network that was trained with the other mechanism. So the app always says both: trained with, and "
        "applied.\n\n"
        "The fair comparison is between networks that were each trained with their own.",
        "Swap the mechanism until the answer changes.",
        "With the other mechanism all features are larger or smaller than the perception branch is used to, and often "
        "the answer falls apart. That says nothing about which mechanism is better.",
        "pages/Ablation.py",
    ),
    Step(
        "heads",
        "Two heads, and when they disagree",
        "The attention branch answers too: the **auxiliary head**. Its loss helps to train the map. The **perception "
        "head** sees the reweighed features, and is the network's answer.\n\n"
        "Most of the time both say the same. Where they part, at least one of them is wrong. Many viewers show the "
        "perception head alone; here the auxiliary head always stands beside it.",
        "Find a photograph where the two heads disagree.",
        "When heads disagree, either may be right, or neither: on the space shuttle the auxiliary head is, on the "
        "toucan, of which the crop leaves a part of the beak, neither. A disagreement is a good place to look closely, "
        "and to trust the network less.",
        "pages/Ablation.py",
    ),
    Step(
        "bright",
        "Is bright important?",
        "Nothing in the training asks that a bright cell be an important one. The loss only asks that the answer be "
        "right. If the perception branch learns that objects come *dark*, a dark map serves as well.\n\n"
        "Here are two networks with the same architecture, each map on its own scale. The second one's came out upside "
        "down. Cover the "
        "brightest fifth of the picture, and then the darkest fifth: which costs the answer more?",
        "Try both: the brightest fifth, then the darkest.",
        "In the second network the object is dark, and covering the darkest cells costs most. A color bar tells what "
        "M is; only an experiment tells what matters.",
        "pages/Measure.py",
    ),
    Step(
        "faithful",
        "Is the map faithful?",
        "A test: cover the cells of the picture in the map's order, brightest first, and watch the probability of the "
        "network's answer. If bright cells matter, it falls early. But every picture with holes falls "
        "sooner or later, so the same number of cells is covered in **random order** beside it. Only the difference "
        "says something.\n\n"
        "Even then: a picture with holes is one that the network never met.",
        "Find a share of covered cells where the map's order has changed the answer, and the random order has not.",
        "Without the random order beside it, the falling probability would have proved nothing.",
        "pages/Measure.py",
    ),
    Step(
        "help",
        "Does it really help?",
        "The paper reports one run of each network. But two runs of the *same* network differ by chance: another seed, "
        "another result. And the attention branch adds parameters, which may help by themselves.\n\n"
        "So we trained each network with several seeds and compared seed by seed. Here is each mechanism minus the "
        "same network whose map is never applied. Each circle is a seed, the bar a 95 % interval. Where it crosses "
        "the dotted line, no difference was seen.",
        "Read the figure: on which data was a difference seen?",
        "“No difference seen” is not “no difference”: with few seeds a small one can hide. But whoever reports one run "
        "could not have seen either.",
        "pages/Study.py",
    ),
    Step(
        "change",
        "Change the map yourself",
        "The perception branch has to work with whatever map it gets. So take the brush, paint another M, and ask it "
        "again: only this branch runs anew, and the picture stays as natural as it was.\n\n"
        "If the answer moves, the network uses *where* its map is bright. If it does not move, the map may be a fine "
        "picture, but this answer does not hang on it.",
        "Paint the map until the answer changes.",
        "Some answers are hard to move, others fall at one stroke. “Intervene” shows which network needs its map most, "
        "against fair controls.",
        "pages/Intervene.py",
    ),
    Step(
        "limits",
        "What a map can't tell you",
        "A map shows what the network weighs. It is evidence, not proof of why. It has few cells, and each cell has "
        "seen much of the picture around it. A network that never looks at its map can still draw a fine one. A map "
        "that lies on the object does not make the answer right, and one that lies elsewhere doesn't make it wrong.\n\n"
        "Here are four sentences that people say about such maps.",
        "Which of the four are true? Mark each as true or false.",
        "For each of these sentences the app has the experiment ready: Compare, Intervene, Ablation and Measure.",
        "app.py",
    ),
)

STATEMENTS = (  # of the last step: a sentence, whether it is true, and why
    (
        "The map shows why the network gave its answer.",
        False,
        "It shows what is weighed on the way. Why, no map says.",
    ),
    (
        "A map can lie on the object although the network never applies it.",
        True,
        "The control “none” computes its map and ignores it, and its map finds objects as well.",
    ),
    (
        "With M = 0 everywhere the network answers as one that was trained without attention.",
        False,
        "Additive then passes g as it is, without the mean gain that the network is used to; multiplicative passes "
        "nothing at all. Neither was trained so.",
    ),
    (
        "Randomizing the perception branch can't change M.",
        True,
        "M is made before it, in the attention branch. A map that stays the same there has passed no test.",
    ),
)
