"""A filter on objectCategory: by what the entry is, whether the attribute is stored or not."""

from __future__ import annotations

from typing import final

from lightwave.directory.operations.ad_attributes import (
    OBJECT_CATEGORY,
    category_of_class,
    structural_class,
)
from lightwave.directory.operations.candidate import Candidate
from lightwave.directory.operations.subject import Subject


@final
class CategoryMatch:
    """Whether entries of the candidate's structural class are looked for by this category."""

    __slots__ = ("_category",)

    def __init__(self, category: str) -> None:
        self._category = category.lower()

    def matches(self, candidate: Candidate) -> bool | None:
        if not candidate.may_read(OBJECT_CATEGORY):
            return None
        name = structural_class(
            Subject(
                candidate.txn, candidate.schema, candidate.tenant, candidate.entry_id, candidate.record, 0.0
            )
        )
        return name is not None and category_of_class(name).lower() == self._category
