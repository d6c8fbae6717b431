"""The paper correlation: do the paper's own tables follow its claim that the sharper is the less accurate?

    python -m replication.make_report

SB, LB, augmented LB and conservative LB of tables 2, 3, 6 and 7 are ranked within each network, without a run. The
result is in results/tables/paper_correlation.md.
"""

import itertools

import scipy.stats

from replication import paper
from replication.experiments import answers
from replication.experiments.base import Listing, ListingLine

# By method: the table and column of its test accuracy, and those of its sharpness at epsilon = 1e-3.
_METHODS = {
    "SB": ((2, "test_SB"), (3, "eps1e-3_SB")),
    "LB": ((2, "test_LB"), (3, "eps1e-3_LB")),
    "augmented LB": ((6, "test_augmented_LB"), (6, "augmented_LB_eps1e-3")),
    "conservative LB": ((7, "test_conservative_LB"), (7, "conservative_LB_eps1e-3")),
}


def pairs():
    """Returns for each network the pairs of methods as (first, second, whether the sharper one is less accurate)."""
    found = {}
    for network in paper.table(2):
        known = {method: tuple(paper.table(number)[network][column].mean for number, column in columns)
                 for method, columns in _METHODS.items()
                 if all(network in paper.table(number) for number, _ in columns)}
        found[network] = [(first, second, (known[first][0] > known[second][0]) == (known[first][1] < known[second][1]))
                          for first, second in itertools.combinations(known, 2)]
    return found


def listing(store):
    """Returns the headings, and a line for each network: the pairs that follow the claim, and those that do not."""
    lines = []
    for network, found in pairs().items():
        against = [f"{first} and {second}" for first, second, follows in found if not follows]
        lines.append(ListingLine((network, str(len(found)), str(sum(follows for *_, follows in found)),
                                  _tau(found), "; ".join(against) or "none"), ()))
    return ("network", "pairs", "the sharper is less accurate", "Kendall’s τ", "pairs against it"), lines


def answer(store):
    """Returns in how many pairs the sharper method is less accurate, with an exact interval of the share."""
    found = [pair for each in pairs().values() for pair in each]
    follows = sum(pair[2] for pair in found)
    plain = [pair[2] for pair in found if pair[:2] == ("SB", "LB")]
    interval = scipy.stats.binomtest(follows, len(found)).proportion_ci(0.9)
    return (f"In the paper’s own tables the sharper of two methods is the less accurate one in {follows} of "
            f"{len(found)} pairs (Kendall’s τ {answers.signed(_tau(found))}), among them {sum(plain)} of {len(plain)} "
            f"pairs of SB and LB. The 90 % interval of the share of all pairs would be "
            f"{100 * interval.low:.0f} to {100 * interval.high:.0f} % if the pairs were independent, but pairs within "
            "one network are not.")


def _tau(found):
    """Kendall's tau of sharpness and accuracy over pairs within networks, without ties."""
    return 1 - 2 * sum(follows for *_, follows in found) / len(found)


LISTING = Listing(
    name="paper_correlation", place="Limits", title="The paper’s own tables: sharpness and accuracy of its methods",
    caption=(
        "The means of tables 2, 3, 6 and 7, ranked within each network at ε = 1e-3 in the full space. The exceptions "
        "involve remedies: augmented LB is sharper and more accurate than SB in all four C networks, and conservative "
        "LB sharper and more accurate than LB in F1 and F2, and in F1 than SB as well."),
    needs=lambda setup: [], command="python -m replication.make_report", listing=listing, answer=answer)
