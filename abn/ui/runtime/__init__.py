"""What pages share while they run: models in memory, cached results, jobs, and a fair queue for the processors."""
