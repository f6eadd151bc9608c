# Adapter of the benchmark harness: weir with two worker threads on two cores. Sourced by its run.sh.
. "$BENCH/adapters/weir.sh"
PORT=28052 NOTE="weir, two worker threads" WEIR_THREADS=2 CPUS=0,1
