# What depends on what. `make` alone lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

ROOT := $(abspath $(dir $(lastword $(MAKEFILE_LIST))))
BUILD := $(ROOT)/build
VENV := $(BUILD)/venv
BIN := $(VENV)/bin

# Options of the local cluster, see docs/local-cluster.md
CLUSTER ?= modelserving
WORKERS ?= 0
KSERVE_VERSION ?= v0.20.0
KEEP ?= 1

export CLUSTER WORKERS KSERVE_VERSION KEEP
# what that cluster says of itself
export MODELSERVING_CLUSTER := $(BUILD)/cluster$(if $(filter-out modelserving,$(CLUSTER)),-$(CLUSTER)).json
export PATH := $(BIN):$(PATH)
export ANSIBLE_CONFIG := $(ROOT)/tests/ansible.cfg
# The tools install and cache things under their home: not under the user's.
export ANSIBLE_HOME := $(BUILD)/ansible-home
export ANSIBLE_COLLECTIONS_PATH := $(BUILD)/collections
export PYTHONDONTWRITEBYTECODE := 1
# Molecule runs in the mirror; the cluster and its kubeconfig belong to the checkout.
export MODELSERVING_CHECKOUT := $(ROOT)

.PHONY: help env collection cluster cluster-down demo lint sanity unit molecule test test-all bench lab lock clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | column -t -s $$'\t'

env: $(VENV)/.ready ## the Python environment of development, in build/venv

$(VENV)/.ready: tests/requirements/dev.txt tests/requirements/uv.txt
	@echo "environment: creating build/venv (a minute)"
	@python=$$(tests/tools/python.sh); rm -rf $(VENV); "$$python" -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes -r tests/requirements/uv.txt
	@# compiled, as pip does for a user: nothing writes bytecode later, and every start would compile all again
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r tests/requirements/dev.txt
	@touch $@

collection: env ## mirror the checkout to build/collections, with kubernetes.core beside it
	@$(BIN)/python tests/tools/mirror.py

cluster: ## a real Kubernetes with a real KServe (CLUSTER=name WORKERS=n KSERVE_VERSION=v…)
	@$$(tests/tools/python.sh) tests/cluster up

cluster-down: ## remove that cluster; the cache stays
	@$$(tests/tools/python.sh) tests/cluster down

demo: collection cluster ## from nothing to two models that answer
	@tests/demo/run

lint: collection
	@$(BIN)/python tests/tools/suites.py ruff format types yamllint ansible-lint changelog

unit: collection ## unit tests: no cluster
	@$(BIN)/python tests/tools/suites.py unit

sanity: collection ## ansible-test sanity
	@$(BIN)/python tests/tools/suites.py sanity

molecule: collection ## Molecule's default scenario on the local cluster
	@$(BIN)/python tests/tools/suites.py molecule

test: collection ## everything that CI runs
	@$(BIN)/python tests/tools/suites.py standard

test-all: collection ## everything, every KServe version, the long comparisons in full
	@$(BIN)/python tests/tools/suites.py full

bench: collection cluster ## ratios against what a user would use instead
	@$(BIN)/python -m tests.bench

lab: collection ## the fault lab: every finding against a fault really made
	@$(BIN)/python -m tests.lab

lock: env ## renew the lock files
	@cd tests/requirements && for name in dev uv; do \
	  $(BIN)/uv pip compile $$name.in --universal --python-version 3.11 --generate-hashes --upgrade \
	    --no-emit-index-url --no-emit-find-links --quiet --custom-compile-command "make lock" -o $$name.txt; done
	@cd tests/requirements && $(BIN)/uv pip compile collections.in --no-deps --universal --python-version 3.11 --generate-hashes \
	    --upgrade --no-emit-index-url --no-emit-find-links --quiet --custom-compile-command "make lock" -o collections.txt
	@cd tests/requirements && for name in oldest "oldest-collections --no-deps"; do set -- $$name; \
	  $(BIN)/uv pip compile $$1.in $${2:-} --universal --python-version 3.10 --resolution lowest-direct --generate-hashes \
	    --upgrade --no-emit-index-url --no-emit-find-links --quiet --custom-compile-command "make lock" -o $$1.txt; done

clean: ## remove build/ (not the cluster, not the cache)
	@rm -rf $(BUILD)
