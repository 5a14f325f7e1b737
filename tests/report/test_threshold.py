import pytest

from crossmodal_hash.errors import SettingsError
from crossmodal_hash.report.threshold import Threshold, missed, read_threshold


def test_a_threshold_is_read_with_names_that_hold_slashes_and_equal_signs():
    assert read_threshold("text->image/map@50/min=0.25") == Threshold("map@50/min", 0.25, "text->image")
    assert read_threshold("radius@2=1") == Threshold("precision@r<=2", 1.0)
    assert read_threshold("precision@r<=2=0.5") == Threshold("precision@r<=2", 0.5)


@pytest.mark.parametrize("text", ["map@all", "=0.5", "map@all=high", "", "image->text/=0.5"])
def test_other_forms_are_refused(text):
    with pytest.raises(SettingsError, match="METRIC=VALUE"):
        read_threshold(text)


def test_only_directions_across_modalities_count_unless_one_is_named(record):
    scores = record().scores
    across = {s.direction for s in scores if s.is_cross_modal}
    said = missed(scores, [Threshold("map@all", 1.01)])
    assert {line.split()[0] for line in said} == across
    assert len(said) == 2
    assert missed(scores, [Threshold("map@all", 0.0)]) == []
    assert len(missed(scores, [Threshold("map@all", 1.01, "text->text")])) == 1
    value = scores[0].result.values["map@all"]
    assert missed(scores, [Threshold("map@all", value, "image->text")]) == []


def test_a_missing_direction_is_named(record):
    with pytest.raises(SettingsError, match="image->text, text->image"):
        missed(record().scores, [Threshold("map@all", 0.5, "audio->text")])
    with pytest.raises(SettingsError, match="no direction crosses"):
        missed([s for s in record().scores if not s.is_cross_modal], [Threshold("map@all", 0.5)])
