#!/bin/bash
# extend.sh HARNESS    adds what this project measures beyond the harness to a writable copy of it: the scenarios
# S1u and S4u, in which the first 32 bytes of every body are unlike any other, so that a recorder that keeps equal
# bodies once gains nothing by it; S3f, which is S3 over 1,000 hosts whose origin neither keeps a connection nor resumes
# a session, so that the first and the second visit differ by the leaf alone; and the adapters of this folder. Run
# origin/setup.sh of the copy afterwards.
set -eu
harness=${1:?usage: extend.sh HARNESS}
here=$(cd "$(dirname "$0")" && pwd)
cp "$here"/weir*.sh "$harness/adapters/"
grep -q S1u "$harness/measure.py" && exit 0

python3 - "$harness" <<'PYTHON'
import pathlib, sys
root = pathlib.Path(sys.argv[1])

def edit(name, *changes):
    path = root / name
    text = path.read_text()
    for old, new in changes:
        if old not in text:
            sys.exit(f"{name}: not the harness that was extended before; missing: {old!r}")
        text = text.replace(old, new, 1)
    path.write_text(text)

edit("src/load.cpp",
     ("static vector<char> o_body;", """static vector<char> o_body;
static size_t o_skip = 0;
static bool differs(size_t at, const void* p, size_t n) {  // the first o_skip bytes may be anything
  if (at + n > o_body.size()) return true;
  size_t k = at < o_skip ? std::min(n, o_skip - at) : 0;
  return memcmp(&o_body[at] + k, (const char*)p + k, n - k) != 0;
}"""),
     ("(s.got + n > o_body.size() || memcmp(&o_body[s.got], d, n))", "differs(s.got, d, n)"),
     ("(c.got + n > o_body.size() || memcmp(&o_body[c.got], p, n))", "differs(c.got, p, n)"),
     ('else if (a == "--expect-body") {', 'else if (a == "--skip-prefix") o_skip = atoi(v().c_str());\n    else if (a == "--expect-body") {'))
edit("measure.py",
     ('        "S7": [', '''        "S1u": [["--host", "a.test", "--path", "/1ku", "--expect-body", f"{w}/1k", "--skip-prefix", "32", "--conns", "64", "--warm-secs", "2", "--secs", str(q)]],
        "S4u": [["--host", "a.test", "--path", "/10mu", "--expect-body", f"{w}/10m", "--skip-prefix", "32", "--conns", "8", "--warm-secs", "1", "--secs", str(q), "--requests", "800"]],
        "S7": ['''),
     ('        "S4": [', '''        "S3f": [["--hosts", f"{state}/origin/hosts-fresh.txt", "--path", "/1kc", "--expect-body", f"{w}/1k", "--new-conn", "--conns", "1", "--requests", "1000", "--secs", "100"]] * 2,
        "S4": ['''),
     ('if a.scenario in ("S3", "S5"):', 'if a.scenario in ("S3", "S3f", "S5"):'),
     ('if a.scenario == "S3" else ""', 'if a.scenario in ("S3", "S3f") else ""'),
     ('if a.scenario == "S3" and not any', 'if a.scenario in ("S3", "S3f") and not any'),
     ('if a.scenario == "S4":', 'if a.scenario in ("S4", "S4u"):'))
edit("run.sh", ('[ $S = S3 ] ||', '[ $S = S3 ] || [ $S = S3f ] ||'), ('X64 XSTREAM', 'S1u S3f S4u X64 XSTREAM'))
edit("origin/setup.sh",
     ("    location = /stream {", '''    location = /1ku { default_type text/plain; return 200 "\\${request_id}$(tail -c +33 1k)"; }
    location = /10mu { alias $W/www/10mu; default_type application/octet-stream; sub_filter_types *; sub_filter "@@@@unique@@@@" "\\${request_id}"; }
    location = /1kc { keepalive_timeout 0; default_type text/plain; return 200 "$(cat 1k)"; }
    location = /stream {'''),
     ("tail -20 ../hosts.txt", "for i in $(seq -w 1 1000); do echo \"f$i.origin.test\"; done > ../hosts-fresh.txt\ntail -20 ../hosts.txt"),
     ("""sed "s/^/$ORIGIN_IP /; s/\\$/ # bench-origin/" ../hosts.txt""", """cat ../hosts.txt ../hosts-fresh.txt | sed "s/^/$ORIGIN_IP /; s/\\$/ # bench-origin/\""""),
     ("grep -q '# bench-origin' /etc/hosts", "grep -q 'f1000.origin.test' /etc/hosts"),
     ('echo "}"; } > ../nginx.conf', r'''server all "~^f\d+\.origin\.test$" "" | sed "s/ssl_certificate /ssl_session_cache off; ssl_session_tickets off; ssl_certificate /"
echo "}"; } > ../nginx.conf'''),
     ("for i in $(seq -w 1 $NHOSTS); do echo", '[ -s 10mu ] || { printf "@@@@unique@@@@"; tail -c +33 10m; } > 10mu\nfor i in $(seq -w 1 $NHOSTS); do echo'))
PYTHON
