# The two things to type in a fresh checkout are `make demo` and `make test`.

MODULES := $(patsubst %/go.mod,%,$(shell find . -name go.mod -not -path '*/testdata/*' -not -path '*/node_modules/*'))
TESTFLAGS ?=
RECORDED := 1.18,1.19,1.20,1.21,1.22,1.23,1.24,1.25,1.26,1.27

.PHONY: demo test race lint generate packages record bench-freshmap

# Find the three ghosts of the example. Status 1 means that something was
# found, which is what a demonstration is for.
demo:
	go run ./cmd/ghostread hunt --exit-zero ./examples/riskservice

# Everything that must pass, in every module of the repository.
test: packages
	@set -e; for m in $(MODULES); do (cd $$m && set -x && go test $(TESTFLAGS) ./...); done

# The same under Go's own race detector. The example is left out: its ghosts
# are there to be found.
race:
	go test -race -short $$(go list ./... | grep -v '/examples/riskservice$$')

# What a reviewer should not have to say.
lint:
	@test -z "$$(gofmt -l .)" || { echo "run gofmt -w on:"; gofmt -l .; exit 1; }
	@set -e; for m in $(MODULES); do (cd $$m && set -x && go vet ./...); done
	go tool staticcheck ./...

# Files that are written by programs.
generate:
	go generate ./...

# What some tests use besides Go. Without it they skip and say so. It is
# installed where that needs no question: as root on Debian's kin.
#   chromium  clicks through the HTML pages
#   gcc       builds the experiments of the lab that use cgo, -race or -asan
#   gdb, sqlite3  are what an experiment looks at; gdb writes core files for inspect
#   qemu-user runs the tests of freshmap, and a program for inspect, on other architectures
packages:
	@missing=; \
	command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || missing="$$missing chromium"; \
	command -v gcc >/dev/null || missing="$$missing gcc libc6-dev"; \
	command -v gdb >/dev/null || missing="$$missing gdb"; \
	command -v sqlite3 >/dev/null || missing="$$missing sqlite3"; \
	command -v qemu-aarch64 >/dev/null || missing="$$missing qemu-user"; \
	if [ -z "$$missing" ]; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing$$missing for the tests"; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; } >/dev/null </dev/null \
			|| echo "cannot install$$missing: tests that need them will skip"; \
	else \
		echo "tests that need them will skip (apt-get install$$missing)"; \
	fi

# The record that `ghostread lab show` opens: every experiment on every
# release, with the matrix of tools. It takes a quarter of an hour and a quiet
# machine.
record:
	go run ./cmd/ghostread lab matrix --tools --go $(RECORDED) --html "" --json lab/recorded.json
	gzip -9nf lab/recorded.json

# The figures of doc/freshmap.md, measured here: freshmap beside other concurrent
# maps. BENCHFLAGS=-full takes hours; -quick, the default, some minutes on a
# quiet machine.
BENCHFLAGS ?= -quick
bench-freshmap:
	cd freshmap/bench && go run ./cmd/record $(BENCHFLAGS)
