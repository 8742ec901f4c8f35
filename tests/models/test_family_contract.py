"""Every registered family keeps the contract of `ordain.testing.families`."""

import pytest

from ordain.testing.families import CHECKS, FamilyCase

NAMES = ("gbm", "linear")
QUICK = {"gbm": {"num_boost_round": 25}}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_family_keeps_the_contract(name, check, tmp_path):
    check(FamilyCase.of(name, trainer=QUICK.get(name)), tmp_path)
