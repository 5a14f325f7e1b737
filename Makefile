# What is typed most often; `.ci/run` is everything that must hold, from a clean clone.
.PHONY: help install test coverage lint docs lowest ci

PYTHON ?= python3.11
LOWEST ?= .lowest

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
	$(PYTHON) -m venv --clear $(LOWEST)
	$(PYTHON) tools/lowest_versions.py > $(LOWEST)/constraints.txt
	$(LOWEST)/bin/pip install --quiet -c $(LOWEST)/constraints.txt -e '.[test,docs]'
	$(LOWEST)/bin/pytest -m ""
	NO_MKDOCS_2_WARNING=1 $(LOWEST)/bin/mkdocs build --strict --quiet --site-dir $(LOWEST)/site

ci: ## Run all that must hold before a change lands.
	.ci/run
