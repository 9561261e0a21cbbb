"""`python -m bench.tokens`: mutated tokens, and whether the service decides as PyJWT and joserfc do.

It fails where the service accepts a token that both libraries refuse, or refuses a token that both accept and that
breaks no rule of the service's own. `make test` compares a few thousand tokens, and a release compares a million.
"""

import argparse
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from tests.support.token_mutants import compare


def main() -> None:
    """Compare, and print a line for each kind of decision."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="the number of tokens")
    parser.add_argument("--seed", type=int, default=0, help="of the random choices")
    parser.add_argument("--jobs", type=int, default=2, help="the number of processes")
    options = parser.parse_args()
    counts = [options.count // options.jobs] * options.jobs
    counts[0] += options.count - sum(counts)
    with ProcessPoolExecutor(options.jobs) as pool:
        decisions = sum(pool.map(compare, counts, range(options.seed, options.seed + options.jobs)), Counter[str]())
    for decision, count in decisions.most_common():
        print(f"{count:>10,}  {decision}")
    if any(decision.startswith("!") for decision in decisions):
        sys.exit("The service differs from both libraries: see the lines with `!`.")


if __name__ == "__main__":
    main()
