"""What the study found: its result files, read and put into words (no torch).

Every sentence is made of the numbers in the files and changes with them. Where an interval holds zero, it says "no
difference seen". Values are as people read them: percent and percentage points where the metric says so.
"""

from abn.study.findings.comparisons import CONTROLS, bright_first, by_head, compared, finds_object
from abn.study.findings.map_polarity import inverted, polarity, upright
from abn.study.findings.metric_texts import METRICS
from abn.study.findings.network_costs import PARTS, Cost, Costs, Part, cost_sentence, read_costs
from abn.study.findings.overview import (
    accuracies,
    as_csv,
    count_intervals,
    count_runs,
    exact_test,
    parameters,
    sizes,
    table,
)
from abn.study.findings.published import Dispute, Published, published_sentence, read_published
from abn.study.findings.result_files import COST, RESULTS
from abn.study.findings.study import DATASETS, Spread, Study, arm_title, read_study, read_summary, spread
from abn.study.findings.taught_maps import taught_sentences
from abn.study.findings.words import Finding, decided, number, number_table, seeds, title
