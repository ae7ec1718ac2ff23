"""Packs: found by one mechanism, and none takes the others down."""

import os
from pathlib import Path

import pytest

from cka_lab import plugins
from cka_lab.catalog import BUILT_IN, Catalog, builtin_pack
from cka_lab.errors import NotFound, ScenarioErrors, UsageError
from cka_lab.jsonschema import json_schema
from cka_lab.scaffold import template

GRADER = """
from cka_lab.api import LabView, Mismatch, grader

@grader("{name}")
def check(lab: LabView, *, path: str) -> Mismatch | None:
    return None
"""


@pytest.fixture
def pack(tmp_path):
    template(tmp_path / "pack", "storage", "a-task")
    return tmp_path / "pack"


def graders(pack, text, file="mine.py"):
    (pack / "graders").mkdir(exist_ok=True)
    (pack / "graders" / file).write_text(text)


def test_the_built_in_pack_is_found_by_its_entry_point():
    catalog = Catalog.find()
    assert [p.name for p in catalog.packs] == [BUILT_IN]
    assert builtin_pack() == Path(__file__).parent.parent.parent
    assert not catalog.problems
    assert len(catalog.scenarios()) >= 5
    assert not catalog.problems


def test_the_template_loads(pack):
    scenario = Catalog.find([pack]).get("a-task")
    assert (scenario.pack, scenario.weight) == ("pack", 3)


def test_the_template_refuses_to_overwrite_and_names_what_is_allowed(pack):
    with pytest.raises(UsageError, match="exists already"):
        template(pack, "storage", "a-task")
    with pytest.raises(UsageError, match="no domain"):
        template(pack, "stroage", "x")
    with pytest.raises(UsageError, match="no id"):
        template(pack, "storage", "../x")


def test_packs_of_the_environment(pack, monkeypatch):
    monkeypatch.setenv("CKA_LAB_PACKS", os.pathsep.join([str(pack), "/nowhere"]))
    catalog = Catalog.find()
    assert [p.name for p in catalog.packs] == [BUILT_IN, "pack"]
    assert [str(p) for p in catalog.problems] == ["the pack /nowhere: no such folder"]


def test_nothing_is_taken_from_the_current_folder_unasked(pack, monkeypatch):
    graders(pack, "raise SystemExit")
    monkeypatch.chdir(pack)
    catalog = Catalog.find()
    assert "a-task" not in [s.id for s in catalog.scenarios()]
    assert not catalog.problems


@pytest.mark.parametrize(
    ("text", "told"),
    [("import nothing_like_it", "mine.py:1: ModuleNotFoundError"), ("x = (", "mine.py:1: SyntaxError"),
     ("\n\nraise SystemExit(3)", "mine.py:3: SystemExit")],
)  # fmt: skip
def test_a_pack_that_fails_is_reported_and_the_others_go_on(pack, text, told):
    graders(pack, text)
    catalog = Catalog.find([pack])
    assert len(catalog.scenarios()) >= 5
    (problem,) = catalog.problems
    assert told in str(problem)


def test_a_broken_scenario_does_not_take_its_pack_down(pack):
    broken = template(pack, "storage", "broken") / "scenario.yaml"
    broken.write_text(broken.read_text().replace("minutes", "minuts"))
    catalog = Catalog.find([pack])
    assert "a-task" in [s.id for s in catalog.scenarios()]
    with pytest.raises(ScenarioErrors, match="did you mean `minutes`"):
        catalog.get("broken")


def test_a_pack_s_own_graders_and_the_built_in_ones(pack, tmp_path):
    graders(pack, GRADER.format(name="mine"))
    template(tmp_path / "other", "storage", "b-task")
    graders(tmp_path / "other", GRADER.format(name="mine"))
    catalog = Catalog.find([pack, tmp_path / "other"])
    for name in ("a-task", "b-task"):
        registry = catalog.registry(catalog.get(name))
        assert {"mine", "file", "answer"} <= set(registry.graders)
    assert "mine" not in catalog.registry(catalog.get("etcd-snapshot-save")).graders


def test_a_name_that_is_taken_is_a_problem_of_that_pack(pack):
    graders(pack, GRADER.format(name="file"))
    catalog = Catalog.find([pack])
    assert len(catalog.scenarios()) >= 5
    assert "defines file, which exists already" in str(catalog.problems[0])


def test_get_helps_with_names(pack, tmp_path):
    catalog = Catalog.find([pack])
    with pytest.raises(NotFound) as raised:
        catalog.get("etcd-snapshot-sav")
    assert "etcd-snapshot-save" in raised.value.fix
    template(tmp_path / "second", "storage", "a-task")
    catalog = Catalog.find([pack, tmp_path / "second"])
    with pytest.raises(UsageError, match=r"pack:a-task, second:a-task"):
        catalog.get("a-task")
    assert catalog.get("second:a-task").pack == "second"


def test_a_lab_s_scenario_is_found_again_by_its_folder(pack):
    folder = pack / "scenarios/storage/a-task"
    assert Catalog.find().load_folder(folder).id == "a-task"
    with pytest.raises(NotFound, match="gone"):
        Catalog.find().load_folder(pack.parent / "no/scenarios/storage/a-task")


def test_two_folders_of_one_name_are_two_packs(pack, tmp_path):
    template(tmp_path / "deep" / "pack", "storage", "b-task")
    catalog = Catalog.find([pack, tmp_path / "deep" / "pack", pack])
    assert [p.name for p in catalog.packs] == [BUILT_IN, "pack", "pack-2"]


def test_only_what_a_module_defines_counts():
    registry = plugins.built_in()
    assert {"snapshot", "etcd_health", "file"} <= set(registry.graders)
    assert {"put_keys", "corrupt_etcd"} <= set(registry.faults)


def test_the_json_schema_names_every_grader_with_its_params():
    schema = json_schema(plugins.built_in())
    check = schema["$defs"]["Check"]
    assert "etcd_key" in check["properties"]["uses"]["enum"]
    rule = next(r for r in check["allOf"] if r["if"]["properties"]["uses"]["const"] == "file")
    params = rule["then"]["properties"]["with"]
    assert params["required"] == ["path"]
    assert params["additionalProperties"] is False
