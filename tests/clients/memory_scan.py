"""Looks for secrets in the memory of other processes, as root can: in every byte that the kernel shows.

Every secret of a test is made by secret(), which puts one mark into it again and again, so that what is left of a secret in memory
that was taken for something else is found, too; each is found as it is, percent-encoded, in hexadecimal, in base64 and compressed
by HPACK.
"""

import array
import base64
import ctypes
import os
import pathlib
import platform
import re

MARK = "Qk7/+wZ0xJ9~"  # of no use to anybody; percent-encoding and base64 change it
PAGE = 4096
PIECE = 1 << 20


# The codes of its characters in HPACK (RFC 7541 appendix B): bits, and how many.
HUFFMAN = {"Q": (0x6c, 7), "k": (0x75, 7), "7": (0x1d, 6), "/": (0x18, 6), "+": (0x7fb, 11), "w": (0x78, 7), "Z": (0xfd, 8),
           "0": (0, 5), "x": (0x79, 7), "J": (0x64, 7), "9": (0x1f, 6), "~": (0x1ffd, 13)}


def secret(name):
    """One that is found, and says which it is."""
    return f"{name}{MARK}{name}{MARK}{name}{MARK}{name}"


def forms(text):
    """What it may be written as, by the name of the form."""
    raw = text.encode()
    percent = "".join(chr(byte) if chr(byte).isalnum() or chr(byte) in "-._~" else f"%{byte:02X}" for byte in raw)
    out = {"as it is": raw, "percent": percent.encode(), "percent, lower case": percent.lower().encode(), "hex": raw.hex().encode(),
           "HEX": raw.hex().upper().encode()}
    for behind in range(3):
        # The characters whose bits are all its own.
        whole = base64.b64encode(bytes(behind) + raw)
        begin, end = (8 * behind + 5) // 6, 8 * (behind + len(raw)) // 6
        for name, alphabet in (("base64", whole), ("base64url", whole.replace(b"+", b"-").replace(b"/", b"_"))):
            out[f"{name} at {behind}"] = alphabet[begin:end]
    if not set(text) <= set(HUFFMAN):
        return out
    bits = "".join(f"{code:0{size}b}" for code, size in (HUFFMAN[c] for c in text))
    for behind in range(8):
        whole = bits[behind:behind + (len(bits) - behind) // 8 * 8]
        out[f"HPACK at {behind}"] = int(whole, 2).to_bytes(len(whole) // 8, "big")
    return out


def children(pid):
    return [int(child) for task in pathlib.Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]


def can_look():
    """Empty, or why nothing can be said here."""
    if os.geteuid() != 0:
        return "reading another process's memory takes root"
    if platform.machine() != "x86_64":
        return "the number of memfd_secret is that of x86-64"
    descriptor = ctypes.CDLL(None).syscall(447, 0)
    if descriptor < 0:
        return "this kernel has no memfd_secret: what root cannot read is nowhere here"
    os.close(descriptor)
    return ""


def regions(pid):
    """(begin, end, words of the line) of all that can be read."""
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        place, access, *_ = line.split(maxsplit=5)
        begin, end = (int(part, 16) for part in place.split("-"))
        if access.startswith("r") and not line.endswith(("[vvar]", "[vsyscall]", "[vvar_vclock]")):
            yield begin, end, line


def stretches(pid, begin, end):
    """The parts of a region that have memory: sanitizers set aside terabytes."""
    if end - begin <= 64 << 20:
        return [(begin, end)]
    if end - begin > 1 << 37:
        return []  # a sanitizer's notes of which bytes are whose
    out = []
    with open(f"/proc/{pid}/pagemap", "rb", 0) as file:
        for at in range(begin, end, PIECE * 512):
            pages = array.array("Q", os.pread(file.fileno(), min(PIECE * 512, end - at) // PAGE * 8, at // PAGE * 8))
            for number, page in enumerate(pages):
                if not page >> 62:  # neither present nor swapped out
                    continue
                place = at + number * PAGE
                if out and out[-1][1] == place:
                    out[-1][1] = place + PAGE
                else:
                    out.append([place, place + PAGE])
    return out


def visible(data):
    return re.sub(rb"[^ -~]+", b"\xc2\xb7", data).decode()


def find(pid, text=MARK, around=96):
    """A line for each place where `text` is in the memory of a process: the form, the mapping, and what stands around it."""
    found = []
    wanted = forms(text)
    longest = max(map(len, wanted.values())) - 1
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for begin, end, line in regions(pid):
            for first, last in stretches(pid, begin, end):
                for at in range(first, last, PIECE):
                    try:
                        data = os.pread(memory.fileno(), min(PIECE + longest, last - at), at)
                    except OSError:
                        continue  # secret memory, or a device's
                    for name, form in wanted.items():
                        place = data.find(form)
                        while 0 <= place < PIECE:
                            context = os.pread(memory.fileno(), 2 * around, max(at + place - around, first))
                            found.append(f"{name} at {at + place:#x} in {line}: {visible(context)}")
                            place = data.find(form, place + 1)
    return found
