# The commands of the project; the work is done by tools/setup, CMake presets and CTest.
#   make run [ARGS="--listen 127.0.0.1:9090"]   make test   make check   make install PREFIX=/usr/local
JOBS   ?= $(shell nproc)
PREFIX ?= /usr/local
ARGS   ?=
MAKEFLAGS += --no-print-directory

.PHONY: run build test debug check format install clean

run: build
	@exec build/release/weir serve $(ARGS)

build:
	@tools/setup build
	@cmake --preset release --log-level=WARNING
	@cmake --build build/release --parallel $(JOBS)

debug:
	@tools/setup test
	@cmake --preset debug --log-level=WARNING
	@cmake --build build/debug --parallel $(JOBS)

test: debug
	@ctest --test-dir build/debug --parallel $(JOBS) --output-on-failure

check: debug
	@tools/checks_test
	@tools/check_layers
	@tools/check_format
	@tools/check_hazards
	@tools/check_headers --jobs $(JOBS)

format:
	@tools/setup test
	@tools/check_format --fix

install: build
	@cmake --install build/release --prefix "$(PREFIX)"

clean:
	@rm -rf build
