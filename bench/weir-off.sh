# Adapter of the benchmark harness: weir with capture off. Sourced by its run.sh.
. "$BENCH/adapters/weir.sh"
PORT=28051 CAPTURE=none NOTE="weir, one worker thread, --no-capture" WEIR_MORE=--no-capture
