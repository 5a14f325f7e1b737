import pytest

from crossmodal_hash.errors import SettingsError
from crossmodal_hash.levels.select import select
from crossmodal_hash.types import LevelInfo

STAGES = [LevelInfo(f"stage{i}", 2**i, 2) for i in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("wanted", "positions"),
    [(1, (3,)), (3, (1, 2, 3)), (4, (0, 1, 2, 3)), ([0, 2], (0, 2)), ([-1, -3], (1, 3)), (["stage4"], (3,))],
)
def test_a_number_is_the_last_so_many_and_a_list_names_positions(wanted, positions):
    assert select(STAGES, wanted) == positions


def test_levels_come_lowest_first_whatever_order_they_are_asked_in():
    assert select(STAGES, ["stage4", 0, -2]) == (0, 2, 3)


def test_one_name_alone_is_a_list_of_one():
    assert select(STAGES, "stage2") == (1,)


@pytest.mark.parametrize("wanted", [0, 5, -1])
def test_more_levels_than_there_are_or_none_is_refused(wanted):
    with pytest.raises(SettingsError, match=rf"levels={wanted} .* the backbone has 4: stage1, stage2, stage3, stage4"):
        select(STAGES, wanted)


@pytest.mark.parametrize("wanted", [[], [3, -1], ["stage4", 3]])
def test_none_or_one_named_twice_is_refused(wanted):
    with pytest.raises(SettingsError, match="at least one level, each only once"):
        select(STAGES, wanted)


@pytest.mark.parametrize("wanted", [4, -5])
def test_a_position_that_does_not_exist_is_refused(wanted):
    with pytest.raises(SettingsError, match=f"level {wanted} does not exist"):
        select(STAGES, [wanted])


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(SettingsError, match=r"unknown level 'stag3'.*did you mean 'stage3'"):
        select(STAGES, ["stag3"])
