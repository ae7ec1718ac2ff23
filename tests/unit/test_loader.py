"""The loader: a Scenario, or every error at once with its place."""

import re
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cka_lab.api import Fault, Grader, LabPath, MarkName, PackPath, RecordedMark
from cka_lab.errors import ScenarioErrors
from cka_lab.loader import load
from cka_lab.plugins import Registry
from cka_lab.schema import Scenario

GOLDEN = Path(__file__).parent.parent / "golden" / "loader"


def exists(lab, *, path: LabPath, contains: str | None = None, size: int = 0, kinds: list[str] | None = None):
    """Is it there?"""


def holds(lab, *, mark: MarkName, absent: list[MarkName] | None = None, from_: str = "x"):
    """Is the mark there?"""


def put(lab, *, count: int, mark: RecordedMark | None = None, share: float = 0.5, labels: dict[str, str] | None = None):
    """Write keys."""


def copy_in(lab, *, source: PackPath, to: LabPath):
    """Copy a file of the pack."""


REGISTRY = Registry(
    graders={"exists": Grader("exists", exists), "holds": Grader("holds", holds)},
    faults={"put": Fault("put", put), "copy_in": Fault("copy_in", copy_in)},
)
VALID = (GOLDEN / "valid.yaml").read_text()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return make_folder(tmp_path)


def make_folder(where):
    folder = where / "storage" / "a-task"
    (folder / "mistakes").mkdir(parents=True, exist_ok=True)
    (folder / "files").mkdir(exist_ok=True)
    for file in ("solution.sh", "mistakes/one.sh", "files/in.txt"):
        (folder / file).write_text("true\n")
    return folder


def errors(folder, text):
    data = text if isinstance(text, bytes) else text.encode()
    (folder / "scenario.yaml").write_bytes(data)
    with pytest.raises(ScenarioErrors) as raised:
        load(folder, REGISTRY, "test")
    return list(raised.value.lines)


def test_a_valid_file_becomes_a_frozen_scenario(folder):
    (folder / "scenario.yaml").write_text(VALID)
    (folder / "solutions").mkdir()
    (folder / "solutions" / "other.sh").write_text("")
    scenario = load(folder, REGISTRY, "test")
    assert (scenario.id, scenario.domain, scenario.weight, scenario.pack) == ("a-task", "storage", 5, "test")
    assert scenario.tasks[0].checks[1].with_ == {"mark": "kept", "from": "y"}
    assert scenario.tasks[0].hints[0].when.outcome == "fail"
    assert [p.name for p in scenario.solutions()] == ["solution.sh", "other.sh"]
    with pytest.raises(Exception, match="frozen"):
        scenario.tasks[0].weight = 9


@pytest.mark.parametrize("case", sorted(GOLDEN.glob("bad-*.yaml")), ids=lambda p: p.stem)
def test_golden_errors(folder, case):
    told = [line.removeprefix("storage/a-task/") for line in errors(folder, case.read_bytes())]
    expected = case.with_suffix(".txt").read_text().splitlines()
    assert told == expected


def test_what_is_no_text_file(folder):
    assert errors(folder, b"") == ["storage/a-task/scenario.yaml:1:1: the file is empty"]
    assert "not UTF-8" in errors(folder, b"title: ok\nx: \xff\xfe")[0]
    assert ":2:4:" in errors(folder, b"title: ok\nx: \xff\xfe")[0]
    assert "scenario.yaml:1:" in errors(folder, b"title: a\x00b")[0]
    assert "at most" in errors(folder, b"# " + b"x" * (300 << 10))[0]
    (folder / "scenario.yaml").unlink()
    with pytest.raises(ScenarioErrors, match="is missing"):
        load(folder, REGISTRY, "test")
    (folder / "scenario.yaml").mkdir()
    with pytest.raises(ScenarioErrors, match="is not a file"):
        load(folder, REGISTRY, "test")


def test_a_bomb_of_aliases_ends_at_once(folder):
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
    began = time.monotonic()
    assert any("anchors (&a0) are not allowed" in line for line in errors(folder, bomb))
    assert any("aliases (*x) are not allowed" in line for line in errors(folder, "a: [*x]"))
    assert time.monotonic() - began < 1


def test_nesting_without_end_is_refused(folder):
    assert "nested deeper" in errors(folder, "a: " + "[" * 60 + "]" * 60)[0]
    assert errors(folder, "a: " + "[" * 20000)


def test_a_path_that_leaves_the_folder(folder):
    (folder.parent / "secret.sh").write_text("")
    (folder / "mistakes" / "link.sh").symlink_to("../../secret.sh")
    for name in ("../secret.sh", "/etc/passwd", "mistakes/link.sh"):
        told = errors(folder, VALID.replace("mistakes/one.sh", name))
        assert any("leads out of the scenario's folder" in line for line in told), told
    told = errors(folder, VALID.replace("files/in.txt", "../secret.sh"))
    assert any("leads out" in line for line in told)


def test_missing_files_are_named(folder):
    (folder / "solution.sh").unlink()
    assert any("solution.sh is missing" in line for line in errors(folder, VALID))
    assert any("mistakes/two.sh is not in" in line for line in errors(folder, VALID.replace("one.sh", "two.sh")))


def test_the_domain_is_the_folder_s(folder):
    told = errors(folder, VALID.replace("domain: storage", "domain: troubleshooting"))
    assert told == [
        "storage/a-task/scenario.yaml:3:9: the folder lies below storage/, but the domain is troubleshooting; "
        "they must be the same"
    ]


LOCATED = re.compile(r"^\S*scenario\.yaml:\d+:\d+: .+", re.DOTALL)


def never_another_error(folder, data):
    (folder / "scenario.yaml").write_bytes(data)
    lines = None
    try:
        assert isinstance(load(folder, REGISTRY, "test"), Scenario)
    except ScenarioErrors as error:
        lines = error.lines
    assert lines is None or (lines and all(LOCATED.match(line) for line in lines)), lines


quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(data=st.binary(max_size=300))
def test_random_bytes(folder, data):
    never_another_error(folder, data)


@quick
@given(text=st.text(alphabet="abc:-[]{}#&*!|>'\"%@`,? \t\n0123", max_size=120))
def test_random_yaml_like_text(folder, text):
    never_another_error(folder, text.encode())


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.dates()
words = st.sampled_from(
    ["schema", "title", "domain", "tasks", "checks", "id", "uses", "with", "points", "after", "hints", "when", "guard",
     "setup", "faults", "bites", "mistakes", "run", "score", "exists", "put", "mark", "path", "storage", "requires",
     "weight"]
)  # fmt: skip
trees = st.recursive(
    scalars | words,
    lambda below: st.lists(below, max_size=4) | st.dictionaries(words, below, max_size=5),
    max_leaves=25,
)


@quick
@given(tree=st.dictionaries(words, trees, max_size=8))
def test_random_trees(folder, tree):
    never_another_error(folder, yaml.safe_dump(tree, allow_unicode=True).encode())


@settings(quick, max_examples=300)
@given(data=st.data())
def test_mutations_of_a_valid_file(folder, data):
    """Replace any one value, anywhere, by anything."""
    tree = yaml.safe_load(VALID)
    node, key = tree, data.draw(st.sampled_from(sorted(tree)))
    while isinstance(node[key], (dict, list)) and node[key] and data.draw(st.booleans()):
        node = node[key]
        key = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else range(len(node))))
    node[key] = data.draw(trees)
    never_another_error(folder, yaml.safe_dump(tree).encode())


def test_all_errors_come_at_once_in_the_order_of_lines(folder):
    text = VALID.replace("difficulty: 1", "difficulty: 9").replace("minutes: 5", "minute: 5").replace("exists", "exist")
    told = errors(folder, text)
    lines = [int(line.split(":")[1]) for line in told]
    assert lines == sorted(lines)
    assert len(told) >= 4
