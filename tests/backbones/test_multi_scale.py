import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal_hash.backbones.multi_scale import MultiScale, average_windows, fold, multi_scale, stretch
from crossmodal_hash.errors import SettingsError

RAMP = torch.arange(10.0)[None]


def slow_windows(row, size, tail):
    windows = [row[i : i + size] for i in range(0, len(row), size)]
    return [sum(w) / len(w) for w in windows if tail == "ceil" or len(w) == size]


def slow_stretch(row, length):
    """Linear between half-pixel centers, ends held."""
    out = []
    for i in range(length):
        at = min(max((i + 0.5) * len(row) / length - 0.5, 0), len(row) - 1)
        low = int(at)
        high = min(low + 1, len(row) - 1)
        out.append(row[low] + (at - low) * (row[high] - row[low]))
    return out


def test_an_incomplete_last_window_is_averaged_or_dropped():
    assert average_windows(RAMP, 3, "ceil").tolist() == [[1, 4, 7, 9]]
    assert average_windows(RAMP, 3, "floor").tolist() == [[1, 4, 7]]


def test_ceil_and_linear_give_the_reference_row():
    row = multi_scale(RAMP, (3,))[0, 0]
    torch.testing.assert_close(row, torch.tensor([1, 1.3, 2.5, 3.7, 4.9, 6.1, 7.2, 8, 8.8, 9]))


def test_aligned_ends_and_nearest_neighbors_differ_from_half_pixel_centers():
    assert stretch(torch.tensor([[0.0, 3.0]]), 4, "linear-aligned").tolist() == [[0, 1, 2, 3]]
    assert stretch(torch.tensor([[0.0, 3.0]]), 4, "nearest").tolist() == [[0, 0, 3, 3]]
    assert stretch(torch.tensor([[0.0, 3.0]]), 4, "linear").tolist() == [[0, 0.75, 2.25, 3]]


def test_floor_loses_the_last_36_of_1386_words_at_width_50():
    words = torch.zeros(1, 1386)
    words[0, -36:] = 1
    assert average_windows(words, 50, "floor").sum() == 0
    assert average_windows(words, 50, "ceil").sum() == 1


@settings(max_examples=30, deadline=None)
@given(length=st.integers(1, 25), size=st.integers(2, 30), tail=st.sampled_from(["ceil", "floor"]))
def test_every_row_equals_a_loop_over_windows_and_words(length, size, tail):
    if tail == "floor" and size > length:
        return
    row = torch.randn(length, dtype=torch.float64)
    pooled = slow_windows(row.tolist(), size, tail)
    expected = torch.tensor(slow_stretch(pooled, length), dtype=torch.float64)
    torch.testing.assert_close(multi_scale(row[None], (size,), tail=tail)[0, 0], expected)


def test_the_operation_is_linear_and_width_1_is_the_row_itself():
    a, b = torch.randn(2, 4, 23, dtype=torch.float64)
    torch.testing.assert_close(multi_scale(2 * a + b), 2 * multi_scale(a) + multi_scale(b))
    assert torch.equal(multi_scale(a)[:, 0], a)


@pytest.mark.parametrize(("rescale", "factor"), [("none", 1), ("sqrt", 3**0.5), ("sum", 3)])
def test_rescaling_multiplies_a_row_by_a_power_of_its_width(rescale, factor):
    torch.testing.assert_close(multi_scale(RAMP, (3,), rescale=rescale), multi_scale(RAMP, (3,)) * factor)


def test_scales_are_stacked_as_rows_of_a_picture_or_as_its_channels():
    rows = multi_scale(RAMP, (1, 3))
    assert torch.equal(MultiScale((1, 3))(RAMP), rows.reshape(1, 1, 2, 10))
    assert torch.equal(MultiScale((1, 3), stacking="channels")(RAMP), rows.reshape(1, 2, 1, 10))


@pytest.mark.parametrize("wrong", ["tail", "interpolation", "rescale", "stacking"])
def test_an_unknown_choice_is_refused_with_the_known_ones(wrong):
    with pytest.raises(SettingsError, match=f"{wrong}='cubic' is not one of"):
        MultiScale(**{wrong: "cubic"})


@pytest.mark.parametrize("sizes", [(), (1, 0)])
def test_empty_windows_are_refused(sizes):
    with pytest.raises(SettingsError, match="pool_sizes="):
        MultiScale(sizes)


def test_a_window_wider_than_the_vocabulary_is_refused_only_where_nothing_is_left():
    MultiScale((1, 30)).fits(20)
    with pytest.raises(SettingsError, match="pool size 30 drops all 20 words"):
        MultiScale((1, 30), tail="floor").fits(20)


@settings(max_examples=40, deadline=None)
@given(
    length=st.integers(1, 25),
    sizes=st.lists(st.integers(1, 30), min_size=1, max_size=3),
    tail=st.sampled_from(["ceil", "floor"]),
    interpolation=st.sampled_from(["linear", "nearest", "linear-aligned"]),
    rescale=st.sampled_from(["none", "sqrt", "sum"]),
)
def test_folding_a_map_gives_what_the_map_makes_of_every_scale(length, sizes, tail, interpolation, rescale):
    if tail == "floor" and max(sizes) > length:
        return
    options = {"tail": tail, "interpolation": interpolation, "rescale": rescale}
    t, weight = torch.randn(4, length, dtype=torch.float64), torch.randn(3, length, dtype=torch.float64)
    folded = fold(weight, sizes, **options)
    for s, row in enumerate(multi_scale(t, sizes, **options).unbind(1)):
        torch.testing.assert_close(t @ folded[s].T, row @ weight.T)
    torch.testing.assert_close(MultiScale(sizes, **options).through(t, weight).unbind(1)[-1], row @ weight.T)


def test_a_learned_line_bends_averages_before_they_are_stretched():
    scales = MultiScale((1, 3, 5), interpolation="nearest", tail="floor", affine=True).double()
    t, weight = torch.randn(2, 10, dtype=torch.float64), torch.randn(4, 10, dtype=torch.float64)
    torch.testing.assert_close(
        scales.rows(t.abs()), multi_scale(t.abs(), (1, 3, 5), interpolation="nearest", tail="floor")
    )
    with torch.no_grad():
        scales.lines.copy_(torch.tensor([[9.0, 9.0], [2.0, -0.1], [-1.0, 0.3]]))
    rows = scales.rows(t).detach()
    for b in range(2):
        words = t[b].tolist()
        threes = [max(2 * a - 0.1, 0) for a in slow_windows(words, 3, "floor")]
        fives = [max(-a + 0.3, 0) for a in slow_windows(words, 5, "floor")]
        expected = [words, [threes[i * 3 // 10] for i in range(10)], [fives[i * 2 // 10] for i in range(10)]]
        torch.testing.assert_close(rows[b], torch.tensor(expected, dtype=torch.float64))
    torch.testing.assert_close(scales.through(t, weight), rows @ weight.T)


def test_scales_that_learn_nothing_have_nothing_to_save():
    assert not MultiScale().state_dict()
    assert list(MultiScale(affine=True).state_dict()) == ["lines"]
