# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a rule says about an object before it is written: where, what is wrong, what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

ERROR = "error"
WARNING = "warning"


@dataclass(frozen=True)
class Problem:
    """One problem; an error stops a task, a warning does not. `remedy` may be empty."""

    severity: str
    path: str
    message: str
    remedy: str = ""

    @property
    def sentence(self) -> str:
        """The problem as one line of a job log."""
        where = f"{self.path}: " if self.path else ""
        return f"{where}{self.message}{'; ' + self.remedy if self.remedy else ''}"

    def plain(self) -> dict[str, str]:
        """Return the problem as plain data."""
        return asdict(self)


def sentences(problems: Iterable[Problem], severity: str) -> list[str]:
    """Return the sentences of the problems of one severity."""
    return [problem.sentence for problem in problems if problem.severity == severity]
