"""The sample province: real units, invented people, sign-ins by role. Loaded only where asked for by name."""

from services.accounts.sample.people import (
    SampleAccount,
    SampleBody,
    SamplePerson,
    SampleProvince,
    sample_province,
)
from services.accounts.sample.units import DEMO_COUNTY, SampleUnit

__all__ = [
    "DEMO_COUNTY",
    "SampleAccount",
    "SampleBody",
    "SamplePerson",
    "SampleProvince",
    "SampleUnit",
    "sample_province",
]
