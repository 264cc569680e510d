"""The evaluation harness: benchmarks, runs, scores, comparisons."""
