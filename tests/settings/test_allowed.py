"""What a setting may be, in our words and never in pydantic's, for every setting of the schema and every parameter."""

import inspect

import pytest
from pydantic import BaseModel

from crossmodal_hash.components import KINDS
from crossmodal_hash.errors import SettingsError
from crossmodal_hash.settings.allowed import allowed
from crossmodal_hash.settings.parts import check_params
from crossmodal_hash.settings.schema import (
    DataSettings,
    Settings,
    TermSettings,
    TrainSettings,
    VocabularySettings,
    check,
)

WRONG = object()
"""A value of no type that a setting can have."""
TABLES = {
    "": Settings,
    "data": DataSettings,
    "data.vocabulary": VocabularySettings,
    "train": TrainSettings,
    "terms.only": TermSettings,
}


@pytest.mark.parametrize("table", TABLES)
def test_every_setting_says_what_it_may_be(table):
    for key in TABLES[table].model_fields:
        values = {"towers": {"image": {"backbone": "mlp"}}, "terms": {"only": {"loss": "graph"}}}
        at = values
        for part in filter(None, table.split(".")):
            at = at.setdefault(part, {})
        at[key] = WRONG
        with pytest.raises(SettingsError) as error:
            check(values)
        said = str(error.value)
        assert said.startswith(f"{table}.{key} = ".lstrip(".")), said
        assert "; use " in said or "; set one in it" in said or "; choose one from 'chash list " in said, said
        assert "should be" not in said
        assert "; terms" not in said  # one problem, once


def test_every_parameter_of_a_component_says_what_it_may_be():
    seen = 0
    for registry in KINDS.values():
        for name in registry.builtin:
            cls = registry.resolve(name)
            for key, parameter in inspect.signature(cls, eval_str=True).parameters.items():
                if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
                    with pytest.raises(SettingsError) as error:
                        check_params(cls, {key: WRONG}, name)
                    what = allowed(parameter.annotation)
                    assert str(error.value).startswith(f"{name}.{key} = {WRONG!r} is not allowed; use {what}")
                    assert all(not word[0].isupper() for word in what.replace("'", "").split()), what
                    seen += 1
    assert seen > 100


def test_a_type_that_nobody_foresaw_is_named():
    class Odd(BaseModel):
        pass

    assert allowed(Odd) == "Odd"
    assert allowed(tuple[int, ...]) == "a list of whole numbers"
    assert allowed(list) == "a list"
