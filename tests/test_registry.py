"""Names become objects: built-ins, plug-ins in a temporary site folder, and everything that can be wrong with them."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from crossmodal_hash.components import CRITERIA, KINDS, LOSSES, registry_of
from crossmodal_hash.criteria.hard import Hard
from crossmodal_hash.criteria.mmd import MMD
from crossmodal_hash.errors import BrokenPluginError, SettingsError, UnknownComponentError
from crossmodal_hash.registry import BUILT_IN, Found, Registry, discover, normalize

GROUP = "crossmodal_hash.tests"
CONTRACT = "crossmodal_hash.contracts:Criterion"
PLUGIN = '''
"""A plug-in."""

from crossmodal_hash.contracts import Criterion


class Nothing(Criterion):
    """Calls nothing alike.

    More about it.
    """

    def compute(self, a, b):
        return a.new_zeros(len(a), len(b))


class Other:
    """Is no criterion."""


class Unfinished(Criterion):
    """Lacks compute."""


def function():
    """Is no class."""
'''


@pytest.fixture
def registry():
    return Registry(
        "criterion",
        group=GROUP,
        contract=CONTRACT,
        builtin={"hard": "crossmodal_hash.criteria.hard:Hard", "mmd": "crossmodal_hash.criteria.mmd:MMD"},
        aliases={"kernel": "mmd"},
    )


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put modules and a distribution that announces entry points on the path, as an installer would."""
    monkeypatch.delenv("CHASH_PLUGINS", raising=False)
    monkeypatch.syspath_prepend(tmp_path)

    def write(distribution, entries, **modules):
        info = tmp_path / f"{distribution}.dist-info"
        info.mkdir()
        lines = [f"[{GROUP}]", *(f"{name} = {target}" for name, target in entries.items())]
        (info / "entry_points.txt").write_text("\n".join(lines), encoding="utf-8")
        for name, source in modules.items():
            file = tmp_path / f"{name}.py"
            file.parent.mkdir(exist_ok=True)
            file.write_text(source, encoding="utf-8")
        importlib.invalidate_caches()
        return info

    yield write
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


def test_names_are_spelled_in_one_way():
    assert normalize(" Pairwise_NLL ") == "pairwise-nll"


def test_a_built_in_is_found_and_imported_by_name_in_any_spelling(registry):
    assert registry.find("HARD") == Found("hard", "crossmodal_hash.criteria.hard:Hard", BUILT_IN)
    assert registry.resolve("Hard") is Hard


def test_an_alias_leads_to_its_name(registry):
    assert registry.find("kernel").name == "mmd"
    assert registry.resolve("Kernel") is MMD


def test_a_plugin_is_listed_with_its_origin_after_the_built_ins(registry, install):
    install("acme_codes-1.2", {"No_Thing": "acme:Nothing"}, acme=PLUGIN)
    assert list(registry) == ["hard", "mmd", "no-thing"]
    assert registry.found()[-1] == Found("no-thing", "acme:Nothing", "acme-codes 1.2")
    assert "acme" not in sys.modules


def test_a_plugin_without_a_version_is_named_by_its_distribution(registry, install):
    install("acme", {"nothing": "acme:Nothing"}, acme=PLUGIN)
    assert registry.find("nothing").origin == "acme"


def test_a_plugin_is_imported_when_its_name_is_used(registry, install):
    install("acme-1.2", {"nothing": "acme:Nothing"}, acme=PLUGIN)
    assert registry.resolve("nothing").__module__ == "acme"
    assert registry.make("nothing").config() == {}


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import a_module_that_is_not_there", "ModuleNotFoundError: No module named 'a_module_that_is_not_there'"),
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("x = (", "SyntaxError: "),
        ("", "AttributeError: module 'broken' has no attribute 'Nothing'"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_named_with_its_cause(registry, install, source, cause):
    install("acme_broken-0.3", {"nothing": "broken:Nothing"}, broken=source)
    with pytest.raises(BrokenPluginError) as error:
        registry.resolve("nothing")
    for part in ("criterion 'nothing'", "acme-broken 0.3", "broken:Nothing", cause):
        assert part in str(error.value)
    assert type(error.value.__cause__).__name__ == cause.partition(":")[0]
    assert error.value.exit_code == 3


def test_a_broken_plugin_disables_nothing_else(registry, install):
    install("acme_broken-0.3", {"nothing": "broken:Nothing"}, broken="raise RuntimeError")
    assert list(registry) == ["hard", "mmd", "nothing"]
    assert registry.resolve("hard") is Hard


def test_a_built_in_that_cannot_be_imported_shows_its_own_traceback():
    registry = Registry("criterion", GROUP, CONTRACT, {"gone": "crossmodal_hash.criteria.gone:Gone"})
    with pytest.raises(ModuleNotFoundError):
        registry.resolve("gone")


def test_a_name_with_two_origins_is_listed_twice_and_refused_on_use(registry, install):
    install("acme-1", {"nothing": "acme:Nothing", "fine": "acme:Nothing"}, acme=PLUGIN)
    install("zenith-2", {"Nothing": "zenith:Nothing"}, zenith=PLUGIN)
    assert [f.origin for f in registry.found() if f.name == "nothing"] == ["acme 1", "zenith 2"]
    assert list(registry).count("nothing") == 1
    with pytest.raises(BrokenPluginError, match=r"acme 1 \(acme:Nothing\) and zenith 2 \(zenith:Nothing\)"):
        registry.resolve("nothing")
    assert registry.resolve("fine").__name__ == "Nothing"


def test_a_clash_is_settled_by_choosing_who_may_load(registry, install, monkeypatch):
    install("acme-1", {"nothing": "acme:Nothing"}, acme=PLUGIN)
    install("zenith-2", {"nothing": "zenith:Nothing"}, zenith=PLUGIN)
    monkeypatch.setenv("CHASH_PLUGINS", "zenith")
    assert registry.resolve("nothing").__module__ == "zenith"


@pytest.mark.parametrize("name", ["hard", "kernel"])
def test_a_plugin_may_not_take_the_name_or_alias_of_a_built_in(registry, install, name):
    install("acme-1", {name: "acme:Nothing"}, acme=PLUGIN)
    with pytest.raises(BrokenPluginError, match=r"claimed by crossmodal-hash .* and acme 1"):
        registry.resolve(name)


@pytest.mark.parametrize("target", ["Other", "function"])
def test_a_plugin_of_the_wrong_class_is_told_what_to_subclass(registry, install, target):
    install("acme-1", {"wrong": f"acme:{target}"}, acme=PLUGIN)
    with pytest.raises(BrokenPluginError, match=r"acme 1 .* does not subclass crossmodal_hash\.contracts\.Criterion"):
        registry.resolve("wrong")


def test_a_plugin_that_leaves_a_method_out_is_told_which(registry, install):
    install("acme-1", {"unfinished": "acme:Unfinished"}, acme=PLUGIN)
    with pytest.raises(BrokenPluginError, match=r"acme 1 .*compute"):
        registry.resolve("unfinished")


def test_an_unknown_name_is_answered_with_the_nearest_and_the_command(registry):
    with pytest.raises(UnknownComponentError) as error:
        registry.find("HRAD")
    assert str(error.value).startswith("unknown criterion 'HRAD' (did you mean 'hard'?); run 'chash list criterion'")
    assert error.value.exit_code == 2


def test_the_nearest_name_may_be_an_alias_or_of_a_plugin(registry, install):
    install("acme-1", {"nothing": "acme:Nothing"}, acme=PLUGIN)
    with pytest.raises(UnknownComponentError, match="did you mean 'kernel'"):
        registry.find("kernels")
    with pytest.raises(UnknownComponentError, match="did you mean 'nothing'"):
        registry.find("NoThings")


@pytest.mark.parametrize(
    ("allowed", "names"),
    [
        ("acme-codes", ["one"]),
        ("ACME_Codes", ["one"]),
        ("zenith, acme-codes", ["one", "two"]),
        ("somebody-else", []),
        ("", []),
    ],
)
def test_only_the_distributions_named_in_the_environment_load(registry, install, monkeypatch, allowed, names):
    install("acme_codes-1", {"one": "acme:Nothing"}, acme=PLUGIN)
    install("zenith-2", {"two": "zenith:Nothing"}, zenith=PLUGIN)
    monkeypatch.setenv("CHASH_PLUGINS", allowed)
    assert list(registry) == ["hard", "mmd", *names]


@pytest.mark.parametrize("content", [b"no section = here", b"[a]\nx = 1\n[a]\nx = 2", b"[\xff\xfe]\nx = y:Z"])
def test_an_unreadable_file_of_some_package_is_a_warning_and_built_ins_work(registry, install, content):
    (install("acme-1", {}) / "entry_points.txt").write_bytes(content)
    with pytest.warns(UserWarning, match=r"entry_points\.txt cannot be read"):
        assert list(registry) == ["hard", "mmd"]
    with pytest.warns(UserWarning, match=r"entry_points\.txt cannot be read"):
        assert registry.resolve("hard") is Hard


def test_an_entry_that_cannot_be_parsed_is_left_out_with_a_warning(install):
    install("acme-1", {"odd": "not a target!", "nothing": "acme:Nothing"}, acme=PLUGIN)
    with pytest.warns(UserWarning, match="not a target!"):
        assert [f.name for f in discover(GROUP)] == ["nothing"]


def test_the_unreadable_file_is_not_opened_when_no_plugin_may_load(registry, install, monkeypatch, recwarn):
    (install("acme-1", {}) / "entry_points.txt").write_text("no section = here", encoding="utf-8")
    monkeypatch.setenv("CHASH_PLUGINS", "")
    assert list(registry) == ["hard", "mmd"]
    assert not recwarn


def test_a_summary_is_the_first_docstring_line_and_imports_nothing(registry, install):
    install("acme-1", {"nothing": "acme:Nothing"}, acme=PLUGIN)
    assert registry.find("nothing").summary() == "Calls nothing alike."
    assert "acme" not in sys.modules


def test_a_summary_does_not_import_the_package_around_a_module(registry, install):
    package = {"acme_package/__init__": "raise RuntimeError('imported')", "acme_package/inside": PLUGIN}
    install("acme-1", {"deep": "acme_package.inside:Nothing"}, **package)
    assert registry.find("deep").summary() == "Calls nothing alike."
    assert "acme_package" not in sys.modules


@pytest.mark.parametrize("target", ["acme:Missing", "acme_missing:X", "acme_missing.inside:X", "sys:X", "acme_typo:X"])
def test_a_summary_that_cannot_be_had_is_empty(install, target):
    install("acme-1", {}, acme=PLUGIN, acme_typo="x = (")
    assert Found("x", target, "acme 1").summary() == ""


def test_listing_and_summaries_do_not_import_torch():
    program = (
        "import sys\n"
        "from crossmodal_hash.components import KINDS\n"
        "for registry in KINDS.values():\n"
        "    for found in registry.found():\n"
        "        found.summary()\n"
        "loaded = {'torch', 'numpy', 'torchvision'} & set(sys.modules)\n"
        "sys.exit(str(loaded) if loaded else 0)\n"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_parameters_reach_the_object(registry):
    assert registry.make("mmd", bandwidth="median").bandwidth == "median"


def test_an_object_made_elsewhere_is_passed_through(registry):
    made = Hard()
    assert registry.make(made) is made


def test_an_unknown_parameter_is_answered_with_the_nearest_and_the_command(registry):
    with pytest.raises(SettingsError) as error:
        registry.make("MMD", bandwith="median")
    message = "criterion 'MMD' has no parameter 'bandwith' (did you mean 'bandwidth'?); run 'chash info criterion mmd'"
    assert str(error.value).startswith(message)


@pytest.mark.parametrize("key", ["bandwidth", "args", "kwargs"])
def test_a_component_without_parameters_takes_none(registry, key):
    with pytest.raises(SettingsError, match=f"has no parameter '{key}'"):
        registry.make("hard", **{key: 1})


@pytest.mark.parametrize("kind", ["criterion", "criteria", "sim", "Similarity"])
def test_a_kind_is_known_by_its_plural_and_its_flag(kind):
    assert registry_of(kind) is CRITERIA


def test_an_unknown_kind_is_answered_with_the_nearest():
    with pytest.raises(UnknownComponentError, match="did you mean 'loss'"):
        registry_of("los")


def test_no_alias_hides_a_name_or_leads_nowhere():
    for registry in KINDS.values():
        assert not set(registry.aliases) & set(registry.builtin)
        assert set(registry.aliases.values()) <= set(registry.builtin)


@pytest.mark.parametrize("registry", [CRITERIA, LOSSES], ids=["criteria", "losses"])
def test_every_file_is_in_the_map_under_its_own_name(registry):
    import crossmodal_hash

    folder = Path(crossmodal_hash.__file__).parent / registry.group.rpartition(".")[2]
    files = {normalize(file.stem) for file in folder.glob("[!_]*.py")}
    modules = {name: target.partition(":")[0].rpartition(".")[2] for name, target in registry.builtin.items()}
    assert files == set(registry.builtin)
    assert modules == {name: name.replace("-", "_") for name in registry.builtin}
