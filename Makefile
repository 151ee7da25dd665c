# One word each; CI calls the same. `make demo` and `make test` work in a fresh clone: what they need, they bring along.
#   demo   the whole thing on this machine, before and after
#   test   check, then all tests against the built wheel (ARGS="-k name" for some of them)
#   check  lint, format, types, import arrows, the shipped rules and their own tests
#   docs   the documentation as a site, in dist/docs; a warning is an error
#   bench  how fast masking is, and what the whole gateway costs, beside others (needs nginx, wrk and hey)
#   sbom   dist/sbom.cdx.json: what a release is made of (CycloneDX), from the lock
# For those who work on it: env (.venv with the source tree in it), schemas (JSON Schemas of the file kinds), wheel.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
UV := .ci/uv
# networks that look into TLS put their authority here; Node would ask its own list
AUTHORITIES := $(wildcard /etc/ssl/certs/ca-certificates.crt)
PACKAGED := $(shell find gateway rules -type f -not -name '*.pyc' -not -name '*.so') pyproject.toml hatch_build.py README.md LICENSE

.PHONY: demo test check docs bench sbom env schemas wheel
.DEFAULT_GOAL := help

.PHONY: help
help:
	@sed -n 's/^#   //p' Makefile

demo:
	@$(UV) run --locked --quiet --no-dev gateway demo $(ARGS)

test: check .venv-test/.installed tests/browser/node_modules/.package-lock.json
	@.ci/programs
	@PYTHONSAFEPATH=1 GATEWAY_TEST_WHEEL=1 .venv-test/bin/pytest -n 2 --dist loadfile $(ARGS)

check: env
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy
	@.venv/bin/lint-imports
	@.venv/bin/gateway check $(wildcard rules/*.yaml rules/profiles/*.yaml rules/trackers/*.yaml) >/dev/null
	@.venv/bin/gateway test $(wildcard rules/*.yaml rules/profiles/*.yaml)

docs: env
	@.venv/bin/python docs/site/build.py

bench: env
	@$(UV) run --locked --quiet --with sentry-relay==0.10.1 python benchmarks/masking.py $(ARGS)
	@.venv/bin/python -m benchmarks.proxies

sbom:
	@mkdir -p dist
	@$(UV) export --locked --quiet --no-dev --format cyclonedx1.5 --output-file dist/sbom.cdx.json
	@echo "wrote dist/sbom.cdx.json"

env: .venv/.synced

.venv/.synced: uv.lock pyproject.toml hatch_build.py $(wildcard gateway/native/*.[ch])
	@$(UV) sync --locked --quiet
	@touch $@

schemas: env
	@.venv/bin/python -c 'from pathlib import Path; from gateway.config import write_schemas; write_schemas(Path("rules/schema"))'

wheel: dist/.built

dist/.built: $(PACKAGED)
	@rm -rf dist/*.whl
	@$(UV) build --quiet --wheel
	@touch $@

# The wheel and the locked packages, without the source tree.
.venv-test/.installed: dist/.built uv.lock
	@UV_PROJECT_ENVIRONMENT=.venv-test $(UV) sync --locked --quiet --no-install-project --inexact
	@$(UV) pip install --quiet --python .venv-test --no-deps --reinstall dist/*.whl
	@touch $@

tests/browser/node_modules/.package-lock.json: tests/browser/package-lock.json
	@.ci/programs
	@NODE_EXTRA_CA_CERTS=$${NODE_EXTRA_CA_CERTS:-$(AUTHORITIES)} npm ci --loglevel=error --prefix tests/browser
	@touch $@
