"""A virtual machine with a Linux kernel of Debian's, to run commands in.

QEMU emulates the processor: /dev/kvm is root's alone on many machines, is missing on more, and where machines are nested it may
hang. A kernel that is up takes two seconds so. The machine has a serial line, over which it is told what to run, and a network
card behind which nothing is but the places that are named.
"""

import functools
import lzma
import os
import pathlib
import re
import select
import shlex
import shutil
import subprocess
import sys
import time
import unittest

import kit

PROGRAMS = ("qemu-system-x86_64", "busybox", "curl")
SECONDS = 60  # for the machine to start, and for each command; emulation is some ten times slower
HOME = "10.0.2.15"
PLACES = "10.0.2.100"  # where the places outside are

MODULES = ("virtio_pci", "virtio_net", "vsock_loopback", "vmw_vsock_virtio_transport", "nf_tables", "nft_chain_nat", "nft_nat",
           "nft_redir", "nft_reject_inet", "nft_ct", "inet_diag", "tcp_diag")

# Runs each line that comes in by the second serial port, and sends back its exit code, the size of its output and the output.
# Process 1 only waits: the children that others leave to it would disturb its reading.
INIT = f"""#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
ulimit -n 8192
export HOME=/root
while read -r module; do insmod "$module" || exit 1; done </modules
ip link set lo up; ip addr add {HOME}/24 dev eth0; ip link set eth0 up
stty -F /dev/ttyS1 raw -echo
exec 3<>/dev/ttyS1
echo ready >&3
(while read -r line <&3; do
  sh -c "$line" >/out 2>&1 </dev/null 3<&-
  echo "$? $(wc -c </out)" >&3
  cat /out >&3
done) &
while :; do wait; done
"""

# One of each connection to a place outside: QEMU runs it with the connection as its standard input and output.
BRIDGE = """import os, socket, sys, threading
kind, place = sys.argv[1:]
there = socket.socket(socket.AF_UNIX) if kind == "unix" else socket.socket()
there.connect(place if kind == "unix" else ("127.0.0.1", int(place)))
here = socket.socket(fileno=os.dup(0))
def copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        os._exit(0)
thread = threading.Thread(target=copy, args=(there, here))
thread.start()
copy(here, there)
thread.join()
"""


class Kernel:
    """A kernel's file and modules."""

    def __init__(self, image, modules):
        self.image, self._modules = image, modules

    @functools.cached_property
    def _files(self):
        return {file.name.split(".ko")[0].replace("-", "_"): file for file in self._modules.rglob("*.ko*")}

    def has(self, name):
        return name in self._files

    @functools.cache
    def module(self, name):
        file = self._files[name]
        return lzma.decompress(file.read_bytes()) if file.suffix == ".xz" else file.read_bytes()

    def in_order(self, names):
        """These and what they need, what is needed first. A package that was only unpacked has no list of it."""
        out = []
        for name in names:
            needs = re.search(rb"\0depends=([^\0]*)\0", self.module(name))[1].decode().replace("-", "_")
            out += [one for one in [*self.in_order(filter(None, needs.split(","))), name] if one not in out]
        return out


@functools.cache
def find_kernel():
    """That of $WEIR_GUEST_KERNEL, where a package linux-image-* was unpacked, of tools/setup, or one that is installed."""
    folders = [os.environ.get("WEIR_GUEST_KERNEL"), kit.HERE / "guest_kernel", "/"]
    for folder in map(pathlib.Path, filter(None, folders)):
        for image in sorted(folder.glob("boot/vmlinuz-*"), reverse=True):
            kernel = Kernel(image, folder / "lib/modules" / image.name.removeprefix("vmlinuz-"))
            if os.access(image, os.R_OK) and all(map(kernel.has, MODULES)):
                return kernel
    raise unittest.SkipTest("no kernel for a guest: tools/setup fetches one, and WEIR_GUEST_KERNEL may name the folder where a "
                            "package linux-image-cloud-amd64 was unpacked (dpkg -x)")


def check_needs():
    """SkipTest, where no machine can be had here."""
    if os.uname().machine != "x86_64":
        raise unittest.SkipTest("programs of this machine do not run in one of x86_64")
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    if missing:
        raise unittest.SkipTest(f"not installed: {', '.join(missing)} (Debian: qemu-system-x86 busybox-static curl)")
    find_kernel()


def install(root, program):
    """A program and its libraries into the folder, in the same places; the program into /bin."""
    said = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    for library in re.findall(r"(?:=> )?(/\S+) \(0x", said):
        place = root / library.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(library, place)
        place.chmod(0o755)
    shutil.copy(program, root / "bin")


def pack(root):
    """The folder as the kernel wants its first file system. Archives may be put one behind the other."""
    names = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
    done = subprocess.run(["busybox", "cpio", "-o", "-H", "newc"], cwd=root, input="\n".join(names).encode() + b"\n",
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return done.stdout


@functools.cache
def first_files(*programs):
    """Packed: what every machine starts with, and these programs."""
    root, kernel = kit.scratch(), find_kernel()
    for name in ("bin", "modules.d", "proc", "sys", "dev", "tmp", "root", "etc"):
        (root / name).mkdir()
    for program in (shutil.which("busybox"), shutil.which("curl"), *programs):
        install(root, program)
    (root / "init").write_text(INIT)
    (root / "init").chmod(0o755)
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (root / "etc/resolv.conf").write_text("nameserver 192.0.2.53\n")
    order = kernel.in_order(MODULES)
    for name in order:
        (root / "modules.d" / name).write_bytes(kernel.module(name))
    (root / "modules").write_text("".join(f"/modules.d/{name}\n" for name in order))
    return pack(root)


class Machine:
    """Runs until stop(). `places` are (port, kind, place): what it finds at PLACES:port is a Unix socket ("unix", path) or a
    port of the loopback ("tcp", number) here. `files` is a folder whose content it has, too."""

    def __init__(self, programs, files=None, places=()):
        folder = kit.scratch()
        (folder / "first").write_bytes(first_files(*programs) + (pack(files) if files else b""))
        (folder / "bridge.py").write_text(BRIDGE)
        bridge = f"{sys.executable} {folder}/bridge.py"
        ways = "".join(f",guestfwd=tcp:{PLACES}:{port}-cmd:{bridge} {kind} {place}" for port, kind, place in places)
        self._console = folder / "console"
        self._process = subprocess.Popen(
            ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "1024", "-nodefaults", "-no-user-config", "-no-reboot",
             "-display", "none", "-rtc", "base=utc", "-serial", f"file:{self._console}", "-chardev", "stdio,id=line,signal=off",
             "-serial", "chardev:line", "-netdev", f"user,id=net,restrict=on,ipv6=off{ways}", "-device",
             "virtio-net-pci,netdev=net,romfile=", "-kernel", find_kernel().image, "-initrd", folder / "first",
             "-append", "console=ttyS0 quiet panic=-1"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        try:
            self._wait_for("ready")
        except AssertionError:
            self.stop()
            raise

    def stop(self):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()

    def run(self, *words):
        """(exit code, output of both kinds) of a command, whose words are quoted."""
        return self.sh(shlex.join(map(str, words)))

    def sh(self, line):
        """The same of one line for the shell."""
        self._process.stdin.write(line.encode() + b"\n")
        code, size = self._read_line(line).split()
        return int(code), self._read(int(size), line).decode(errors="replace")

    def _wait_for(self, word):
        while self._read_line("the start") != word:
            pass

    def _read_line(self, what):
        line = b""
        while not line.endswith(b"\n"):
            line += self._read(1, what)
        return line.decode().strip()

    def _read(self, size, what):
        out, end = b"", time.monotonic() + SECONDS
        while len(out) < size:
            ready, _, _ = select.select([self._process.stdout], [], [], max(end - time.monotonic(), 0))
            part = self._process.stdout.read(size - len(out)) if ready else b""
            if not part:
                raise AssertionError(f"the machine {'ended' if ready else 'is silent'} at: {what}\n{self.console()}")
            out += part
        return out

    def console(self):
        return self._console.read_text(errors="replace") if self._console.exists() else ""
