"""The package as a whole: what importing costs, what it shows, and that its papers agree."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

import automl_explain

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("numpy", "pandas", "scipy", "shap", "lightgbm", "flaml", "sklearn", "joblib", "tqdm")
PACKAGES = ("analysis", "explainer_setup", "explainers", "explanation", "lineage", "scoring", "sources", "surrogates")
NAMES = [n for n in automl_explain.__all__ if n != "__version__"]


def python(code: str) -> str:
    # -I: neither the current folder nor PYTHON* variables decide what is imported.
    path = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    return subprocess.run([sys.executable, "-I", "-c", path + code], capture_output=True, text=True, check=True).stdout


def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_importing_loads_no_heavy_library_and_few_modules() -> None:
    out = python(f"import automl_explain\nprint([m for m in {HEAVY!r} if m in sys.modules], len(sys.modules))")
    heavy, total = out.rsplit(maxsplit=1)
    assert heavy == "[]"
    assert int(total) < 100


@pytest.mark.parametrize("name", ["load", "TreeScoringExplainer", "Explanation", "FeatureMap"])
def test_what_production_imports_loads_numpy_alone(name: str) -> None:
    heavy = [library for library in HEAVY if library != "numpy"]
    out = python(
        f"from automl_explain import {name}\nprint([m for m in {heavy!r} if m in sys.modules], len(sys.modules))"
    )
    found, total = out.rsplit(maxsplit=1)
    assert found == "[]"
    assert int(total) < 400


def test_importing_prints_nothing_and_leaves_warnings_and_logging_alone() -> None:
    out = python(
        "import logging, warnings\n"
        "def state():\n    return list(warnings.filters), list(logging.root.handlers), logging.root.level\n"
        "before = state()\nimport automl_explain\nassert state() == before"
    )
    assert out == ""


def test_help_of_the_command_loads_no_heavy_library() -> None:
    out = python(
        "from automl_explain.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    assert out.splitlines()[-1] == "[]"


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_there_with_a_docstring(name: str) -> None:
    value = getattr(automl_explain, name)
    assert value is getattr(automl_explain, name)
    assert (value.__doc__ or "").strip()
    assert name in dir(automl_explain)


def test_the_table_of_names_and_the_list_of_names_agree() -> None:
    listed = set(automl_explain._PUBLIC) | automl_explain._SUBMODULES | {"__version__"}
    assert listed == set(automl_explain.__all__)
    source = (ROOT / "automl_explain" / "__init__.py").read_text(encoding="utf-8")
    typed = source.partition("if TYPE_CHECKING:")[2].partition("__version__")[0]
    assert all(re.search(rf"\b{name}\b", typed) for name in NAMES)


def test_public_names_come_from_the_module_that_the_table_says() -> None:
    for name, module in automl_explain._PUBLIC.items():
        assert getattr(automl_explain, name) is getattr(importlib.import_module(f"automl_explain.{module}"), name)


@pytest.mark.parametrize(
    "package",
    ["analysis", "explainer_setup", "explainers", "explanation", "lineage", "scoring", "sources", "surrogates"],
)
def test_packages_find_their_public_names_on_first_use(package: str) -> None:
    module = importlib.import_module(f"automl_explain.{package}")
    for name in module.__all__:
        assert getattr(module, name) is getattr(module, name)
        assert name in dir(module)
    with pytest.raises(AttributeError, match=f"module 'automl_explain.{package}' has no attribute 'Nothing'"):
        module.Nothing  # noqa: B018


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'automl_explain' has no attribute 'MimicWraper'"):
        automl_explain.MimicWraper  # noqa: B018


def test_the_version_is_the_one_of_the_distribution() -> None:
    assert automl_explain.__version__ == pyproject()["project"]["version"]


def test_the_changelog_tells_of_this_version() -> None:
    assert f"## [{automl_explain.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_pre_commit_and_the_dev_extra_use_the_same_versions() -> None:
    extra = dict(r.split("==") for r in pyproject()["project"]["optional-dependencies"]["dev"] if "==" in r)
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    found = re.findall(r"repo: \S+/(ruff|mirrors-mypy|import-linter)\S*\n\s+rev: v(\S+)", hooks)
    assert {name.removeprefix("mirrors-"): version for name, version in found} == extra


@pytest.mark.parametrize("name", ["demo", "tests"])
def test_the_readme_has_each_set_up_command_as_one_block(name: str) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(rf"<!-- {name}:begin -->\s*```bash\n(.*?)```\s*<!-- {name}:end -->", text, re.S)
    assert block is not None
    assert block[1].startswith("python3 -m venv .venv && ")
    assert block[1].count("\n") == 1


def test_links_of_the_readme_and_docs_lead_somewhere() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_type_checkers_are_told_that_the_package_is_typed() -> None:
    assert (ROOT / "automl_explain" / "py.typed").exists()
