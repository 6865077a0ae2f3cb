"""python3 -m unittest discover -s Benchmarks/runner"""

import unittest

from figures import Rows, Verdict


def record(row: str, round: int, **figures: float) -> dict:
    return {"row": row, "round": round, "figures": figures}


class FiguresTests(unittest.TestCase):
    def test_a_median_is_that_of_the_rounds_that_have_the_figure(self):
        rows = Rows([record("a", 0, cpu=3), record("a", 1, cpu=1), record("a", 2, cpu=2), record("a", 3, rate=9)])
        self.assertEqual(rows.median("a", "cpu"), 2)
        self.assertIsNone(rows.median("a", "p50_us"))
        self.assertIsNone(rows.median("b", "cpu"))

    def test_a_ratio_is_made_within_each_round(self):
        # By the medians of the rows it would be 30 ÷ 20.
        rows = Rows([record("a", 0, cpu=10), record("a", 1, cpu=30), record("a", 2, cpu=60),
                     record("b", 0, cpu=5), record("b", 1, cpu=40), record("b", 2, cpu=20)])
        ratio = rows.ratio("a", "b", "cpu")
        self.assertEqual((ratio.middle, ratio.least, ratio.most, ratio.rounds), (2, 0.75, 3, 3))

    def test_a_round_in_which_one_of_the_two_failed_does_not_count(self):
        failed = {"row": "b", "round": 1, "error": "connection refused"}
        rows = Rows([record("a", 0, cpu=10), record("a", 1, cpu=99), record("b", 0, cpu=5), failed])
        self.assertEqual(rows.ratio("a", "b", "cpu").rounds, 1)
        self.assertIsNone(rows.ratio("a", "c", "cpu"))

    def test_a_figure_of_nothing_gives_no_ratio(self):
        self.assertIsNone(Rows([record("a", 0, cpu=1), record("b", 0, cpu=0)]).ratio("a", "b", "cpu"))

    def test_a_target_that_was_not_measured_is_neither_met_nor_missed(self):
        self.assertTrue(Verdict("", 0.9, "at most", 0.9).is_met)
        self.assertFalse(Verdict("", 6.9, "at least", 7.0).is_met)
        self.assertIsNone(Verdict("", None, "at most", 1).is_met)


if __name__ == "__main__":
    unittest.main()
