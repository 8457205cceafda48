# The two things to type in a fresh checkout are `make demo` and `make test`.

MODULES := $(patsubst %/go.mod,%,$(shell find . -name go.mod -not -path '*/testdata/*' -not -path '*/node_modules/*'))
TESTFLAGS ?=

.PHONY: demo test race lint generate chromium

# Find the three ghosts of the example. Status 1 means that something was
# found, which is what a demonstration is for.
demo:
	go run ./cmd/ghostread hunt --exit-zero ./examples/riskservice

# Everything that must pass, in every module of the repository.
test: chromium
	@set -e; for m in $(MODULES); do (cd $$m && set -x && go test $(TESTFLAGS) ./...); done

# The same under Go's own race detector. The example is left out: its ghosts
# are there to be found.
race:
	go test -race -short $$(go list ./... | grep -v '/examples/riskservice$$')

# What a reviewer should not have to say.
lint:
	@test -z "$$(gofmt -l .)" || { echo "run gofmt -w on:"; gofmt -l .; exit 1; }
	go vet ./...
	go tool staticcheck ./...

# Files that are written by programs.
generate:
	go generate ./...

# The tests of the HTML report click through it in Chromium, and skip without
# it. It is installed where that needs no question: as root on Debian's kin.
chromium:
	@if command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing chromium for the tests of the HTML report"; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium; } >/dev/null </dev/null \
			|| echo "chromium cannot be installed: the browser tests will skip"; \
	else \
		echo "no chromium: the browser tests will skip (apt-get install chromium)"; \
	fi
