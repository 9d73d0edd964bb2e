"""Three stages for django-viewflow, decided by code."""

from __future__ import annotations

from viewflow import this
from viewflow.workflow import flow
from viewflow.workflow.models import Process


class Approval(flow.Flow):
    """Start, three stages, end."""

    process_class = Process
    start = flow.StartHandle(this.begin).Next(this.county)
    county = flow.Handle(this.decide).Next(this.district)
    district = flow.Handle(this.decide).Next(this.province)
    province = flow.Handle(this.decide).Next(this.end)
    end = flow.End()

    def begin(self, activation):
        """The process that was begun."""
        return activation.process

    def decide(self, activation):
        """Nothing besides what the engine does."""
