"""What benches compare before they time it holds, so that none of them stops with "results differ"."""

import importlib.util
from pathlib import Path

import pytest

BENCHES = Path(__file__).parents[1] / "benches" / "python"


def test_the_best_path_equals_the_one_in_numpy(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHES))
    found = importlib.util.spec_from_file_location("bench_viterbi", BENCHES / "bench_viterbi.py")
    bench = importlib.util.module_from_spec(found)
    found.loader.exec_module(bench)
    monkeypatch.setattr(bench, "pair", lambda theirs, ours, rounds, calls: (1.0, 1.0))
    assert len(bench.rows(2, 1)) == 3
    monkeypatch.setattr(bench, "searched", lambda logits: logits)
    with pytest.raises(SystemExit, match="Viterbi: results differ"):
        bench.rows(2, 1)
