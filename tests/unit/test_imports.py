"""What may be imported where."""

import subprocess
import sys

HEADLESS = (
    "cka_lab.lab cka_lab.prove cka_lab.doctor cka_lab.cli cka_lab.catalog cka_lab.loader cka_lab.providers.sandbox"
)


def loaded(*modules):
    code = f"import sys, importlib; [importlib.import_module(m) for m in {modules!r}]; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_the_headless_modules_import_no_textual():
    assert not {m for m in loaded(*HEADLESS.split()) if m.split(".")[0] == "textual"}


def test_the_command_line_itself_imports_nothing_heavy():
    assert not loaded("cka_lab.cli") & {"pydantic", "yaml", "rich", "cryptography", "sqlite3"}
