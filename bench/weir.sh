# Adapter of the benchmark harness: sourced by its run.sh. WEIR_BIN is a release build.
PORT=28050 CA=$ECCA_PEM SCENARIOS="S1 S2 S3 S4 S5 S6 S7 S7b"
NOTE="weir, one worker thread" CAPTURE="every flow to SQLite"
proxy_reset() { rm -rf "$DIR/data" "$DIR/ca" "$DIR/state"; }
proxy_start() {
  mkdir -p "$DIR/data" "$DIR/state"
  if [ ! -e "$DIR/ca/ca.pem" ]; then
    XDG_STATE_HOME=$DIR/state "$WEIR_BIN" ca import --ca-dir "$DIR/ca" "$ECCA_PEM" "$ECCA_KEY" >"$DIR/ca.log" 2>&1
  fi
  XDG_STATE_HOME=$DIR/state $PIN "$WEIR_BIN" serve --listen 127.0.0.1:$PORT --threads ${WEIR_THREADS:-1} --ca-dir "$DIR/ca" \
    --data "$DIR/data" --upstream-ca "$CA_PEM" ${WEIR_MORE:-} >"$DIR/out.log" 2>&1 & PID=$!
}
