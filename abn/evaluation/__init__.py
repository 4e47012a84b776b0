"""Numbers for a map: localization, deletion and insertion, randomization, map ablation, and cost."""
