"""What the study found: its result files, read and put into words (no torch).

Every sentence is made of the numbers in the files and changes with them. Where an interval holds zero, it says "no
difference seen". Values are as people read them: percent and percentage points where the metric says so.
"""

from abn.study.findings.comparisons import bright_first, compared, finds_object
from abn.study.findings.map_polarity import polarity
from abn.study.findings.metric_texts import METRICS
from abn.study.findings.network_costs import PARTS, Cost, Costs, Part, cost_sentence, read_costs
from abn.study.findings.overview import accuracies, as_csv, exact_test, parameters, sizes, table
from abn.study.findings.published import Dispute, Published, published_sentence, read_published
from abn.study.findings.result_files import COST, RESULTS
from abn.study.findings.study import DATASETS, Spread, Study, read_study, read_summary, spread
from abn.study.findings.words import Finding, Verdict, number, seeds, title
