# Everything a developer does, by one name each. `make` alone lists them.
SHELL := bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

FUZZ_SECONDS ?= 60
SOAK_SECONDS ?= 600
CONFIG ?=

.PHONY: help quick-start stop test build build-local run bench benchmark fmt lint vet setup deps \
        dev-setup check-deps clean asan tsan fuzz soak

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

quick-start: ## from a bare machine to a running gateway that streams an answer
	@scripts/quick-start.sh

stop: ## ends what quick-start started
	@scripts/stop.sh

test: ## installs, builds and runs every test
	@scripts/setup.sh test
	@scripts/test.sh debug

build: ## the release binary, bin/sluice
	@scripts/setup.sh build
	@scripts/build.sh release sluice
	@scripts/install-binary.sh

build-local: build ## the same as build

run: build ## builds and runs the gateway in the foreground; CONFIG=file chooses a configuration
	@exec bin/sluice serve $(if $(CONFIG),--config $(CONFIG))

bench: ## Sluice beside nginx, interleaved; writes the table of the README (8 min)
	@scripts/setup.sh bench test
	@scripts/build.sh release
	@scripts/install-binary.sh
	@bench/run.sh --update-readme $$([ "$$(id -u)" != 0 ] || echo --realtime)

benchmark: bench ## the same as bench

fmt: ## formats the C++ sources
	@scripts/setup.sh build
	@find src cmake bench/sim -name '*.[ch]pp' -print0 | xargs -0 -n 16 -P "$$(nproc)" clang-format-19 -i

lint: ## include directions, file lengths, format, words, headers alone, clang-tidy
	@scripts/setup.sh build
	@scripts/build.sh debug sluice_pch all_verify_interface_header_sets
	@ctest --test-dir build/debug -L lint --no-tests=error --output-on-failure
	@scripts/lint/tidy.sh build/debug

vet: ## clang-tidy alone; FILES="a.cpp b.cpp" chooses files
	@scripts/setup.sh build
	@scripts/build.sh debug sluice_pch
	@scripts/lint/tidy.sh build/debug $(FILES)

setup: ## installs what build and tests need: Debian packages and npm packages
	@scripts/setup.sh build test

deps: setup ## the same as setup

dev-setup: ## setup, and a first build for everyday work
	@scripts/setup.sh build test bench
	@scripts/build.sh debug

check-deps: ## says what is missing, installs nothing
	@scripts/setup.sh check test

asan: ## every test with AddressSanitizer and UndefinedBehaviorSanitizer
	@scripts/setup.sh test
	@scripts/test.sh asan

tsan: ## every test with ThreadSanitizer
	@scripts/setup.sh test
	@scripts/test.sh tsan

fuzz: ## every fuzzer for FUZZ_SECONDS (60) each; ONLY=name chooses one
	@scripts/setup.sh build
	@scripts/build.sh fuzz fuzzers
	@scripts/fuzz.sh "$(FUZZ_SECONDS)" $(ONLY)

soak: build ## the long runs of tests/soak, SOAK_SECONDS (600) each
	@scripts/setup.sh test
	@SOAK_SECONDS=$(SOAK_SECONDS) scripts/soak.sh

clean: ## removes what was built (build/, bin/)
	rm -rf build bin
