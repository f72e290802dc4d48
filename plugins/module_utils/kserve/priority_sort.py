# Copyright: (c) 2026, modelserving.kserve contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The order in which Go's sort.Slice leaves candidates of equal priority.

KServe sorts candidates by priority with Go's sort.Slice, which is not stable: up to 12 elements it is an insertion
sort and keeps the order of equals; above, it is a pattern-defeating quicksort that may move them, always in the same
way for the same input. :func:`go_order` takes the same steps, so that a prediction holds for any number of
candidates; :func:`stable_order` is what KServe does from the release after v0.20.0 on.

Source of the behaviour: Go's package sort (Slice, pdqsort_func), unchanged from Go 1.19 to 1.26.
"""

from __future__ import annotations

from collections.abc import Sequence

INSERTION_SORT_UP_TO = 12
NINTHER_FROM = 50
MAX_REPAIRS = 5
MAX_PIVOT_SWAPS = 12
_UINT64 = (1 << 64) - 1


def before(one: int | None, other: int | None) -> bool:
    """Say whether a priority comes before another: the higher first, none last (sortSupportedRuntimeByPriority)."""
    return one is not None and (other is None or one > other)


def stable_order(ranks: Sequence[int | None]) -> list[int]:
    """Return the indexes of `ranks` in order, equals as they came."""
    return sorted(range(len(ranks)), key=lambda index: (ranks[index] is None, -(ranks[index] or 0)))


def go_order(ranks: Sequence[int | None]) -> list[int]:
    """Return the indexes of `ranks` in the order that sort.Slice leaves them in."""
    return _Sort(ranks).run()


class _Sort:
    """One run of the quicksort over `places`, a permutation of the indexes of `ranks`."""

    def __init__(self, ranks: Sequence[int | None]) -> None:
        self.ranks = ranks
        self.places = list(range(len(ranks)))

    def run(self) -> list[int]:
        self._quicksort(0, len(self.places), len(self.places).bit_length())
        return self.places

    def _less(self, i: int, j: int) -> bool:
        return before(self.ranks[self.places[i]], self.ranks[self.places[j]])

    def _swap(self, i: int, j: int) -> None:
        self.places[i], self.places[j] = self.places[j], self.places[i]

    def _quicksort(self, low: int, high: int, limit: int) -> None:
        balanced = partitioned = True
        while True:
            length = high - low
            if length <= INSERTION_SORT_UP_TO:
                return self._insertion_sort(low, high)
            if limit == 0:
                return self._heap_sort(low, high)
            if not balanced:
                self._scatter(low, length)
                limit -= 1
            pivot, rising = self._pivot(low, high)
            if rising is False:
                self.places[low:high] = self.places[low:high][::-1]
                pivot = (high - 1) - (pivot - low)
                rising = True
            if balanced and partitioned and rising and self._repair(low, high):
                return None
            if low > 0 and not self._less(low - 1, pivot):
                low = self._skip_equals(low, high, pivot)
                continue
            middle, partitioned = self._partition(low, high, pivot)
            left, right = middle - low, high - middle
            balanced = min(left, right) >= length // 8
            if left < right:
                self._quicksort(low, middle, limit)
                low = middle + 1
            else:
                self._quicksort(middle + 1, high, limit)
                high = middle

    def _insertion_sort(self, low: int, high: int) -> None:
        for start in range(low + 1, high):
            self._sink(start, low)

    def _sink(self, place: int, low: int) -> None:
        while place > low and self._less(place, place - 1):
            self._swap(place, place - 1)
            place -= 1

    def _heap_sort(self, low: int, high: int) -> None:
        length = high - low
        for root in range((length - 1) // 2, -1, -1):
            self._sift(root, length, low)
        for last in range(length - 1, -1, -1):
            self._swap(low, low + last)
            self._sift(0, last, low)

    def _sift(self, root: int, length: int, low: int) -> None:
        while (child := 2 * root + 1) < length:
            if child + 1 < length and self._less(low + child, low + child + 1):
                child += 1
            if not self._less(low + root, low + child):
                return
            self._swap(low + root, low + child)
            root = child

    def _scatter(self, low: int, length: int) -> None:
        """Move three elements near the middle to places that only the length decides (xorshift seeded by it)."""
        state, mask = length, (1 << length.bit_length()) - 1
        middle = low + (length // 4) * 2
        for place in range(middle - 1, middle + 2):
            state ^= (state << 13) & _UINT64
            state ^= state >> 7
            state ^= (state << 17) & _UINT64
            other = state & mask
            self._swap(place, low + (other - length if other >= length else other))

    def _pivot(self, low: int, high: int) -> tuple[int, bool | None]:
        """Return the pivot's place, and whether the samples were rising (True), falling (False) or neither (None)."""
        quarter = (high - low) // 4
        samples = [low + quarter, low + 2 * quarter, low + 3 * quarter]
        swaps = 0
        if high - low >= NINTHER_FROM:
            for index, place in enumerate(samples):
                samples[index], more = self._median(place - 1, place, place + 1)
                swaps += more
        pivot, more = self._median(*samples)
        swaps += more
        return pivot, {0: True, MAX_PIVOT_SWAPS: False}.get(swaps)

    def _median(self, a: int, b: int, c: int) -> tuple[int, int]:
        swaps = 0
        if self._less(b, a):
            a, b, swaps = b, a, swaps + 1
        if self._less(c, b):
            b, c, swaps = c, b, swaps + 1
        if self._less(b, a):
            a, b, swaps = b, a, swaps + 1
        return b, swaps

    def _repair(self, low: int, high: int) -> bool:
        """Put a few neighbours right; True where the range is sorted afterwards."""
        place = low + 1
        for _attempt in range(MAX_REPAIRS):
            while place < high and not self._less(place, place - 1):
                place += 1
            if place == high:
                return True
            if high - low < NINTHER_FROM:
                return False
            self._swap(place, place - 1)
            if place - low >= 2:
                self._sink(place - 1, 0)
            if high - place >= 2:
                self._rise(place + 1, high)
        return False

    def _rise(self, place: int, high: int) -> None:
        while place < high and self._less(place, place - 1):
            self._swap(place, place - 1)
            place += 1

    def _partition(self, low: int, high: int, pivot: int) -> tuple[int, bool]:
        """Move what comes before the pivot to its left; return its place and whether nothing had to move."""
        self._swap(low, pivot)
        left, right = self._narrow(low + 1, high - 1, low)
        untouched = left > right
        while left <= right:
            self._swap(left, right)
            left, right = self._narrow(left + 1, right - 1, low)
        self._swap(right, low)
        return right, untouched

    def _narrow(self, left: int, right: int, pivot: int) -> tuple[int, int]:
        while left <= right and self._less(left, pivot):
            left += 1
        while left <= right and not self._less(right, pivot):
            right -= 1
        return left, right

    def _skip_equals(self, low: int, high: int, pivot: int) -> int:
        """Move what equals the pivot to the front of a range that has nothing smaller; return where it ends."""
        self._swap(low, pivot)
        left, right = low + 1, high - 1
        while True:
            while left <= right and not self._less(low, left):
                left += 1
            while left <= right and self._less(low, right):
                right -= 1
            if left > right:
                return left
            self._swap(left, right)
            left, right = left + 1, right - 1
