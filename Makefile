# What is typed most often; `.ci/run` is everything that must hold, from a clean clone.
.PHONY: help install test coverage lint docs lowest ci

PYTHON ?= python3.11

help: ## Show this list.
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

install: ## Install the package with what its tests and pages need.
	pip install -e '.[test,docs]'

test: ## Run all tests: the default ones, then those that take seconds each.
	pytest
	pytest -m slow

coverage: ## Say how many lines of the package all tests run; they take half as long again.
	pytest -m "" --cov --cov-report=
	coverage report --format=total

lint: ## Run everything that a machine can decide about style, types and imports.
	ruff check . && ruff format --check . && mypy && mypy --platform win32 && lint-imports && python tools/write_reference.py --check

docs: ## Build the site into site/.
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict

lowest: ## Run the tests with the lowest versions that pyproject.toml allows, in an environment of its own.
	$(PYTHON) -m venv --clear .lowest
	$(PYTHON) tools/lowest_versions.py > .lowest/constraints.txt
	.lowest/bin/pip install --quiet -c .lowest/constraints.txt -e '.[test,docs]'
	.lowest/bin/pytest -m ""
	NO_MKDOCS_2_WARNING=1 .lowest/bin/mkdocs build --strict --quiet --site-dir .lowest/site

ci: ## Run all that must hold before a change lands.
	.ci/run
