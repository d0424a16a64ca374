"""Samples of the backlog every five seconds, and how the messages of past half hours were delivered."""

from gateway.store.samples import MAX_REQUESTS, STEP, Cohort, Sample, add, cohorts, prune, since

__all__ = ["MAX_REQUESTS", "STEP", "Cohort", "Sample", "add", "cohorts", "prune", "since"]
