#!/usr/bin/env python3
"""Checks an evidence bundle of permledger, with Python 3.9 or later and nothing else.

    python3 verify.py [BUNDLE.zip | FOLDER] [--key VKEY]

Without an argument it checks the folder that it lies in. VKEY is the log's public key as you got it from elsewhere, in
the form NAME+ID+KEY; without it the key is the one that the bundle itself names, which proves less.

It checks the SHA-256 sums, the tree over the entries up to the checkpoint's root (or, for a part, each entry's proof),
the links between entries, the checkpoint's signature and those of the witnesses in the file policy, the addresses of
documents and the commitments of private texts. It does not check the signature in each entry, nor whether what
happened was permitted: `permledger verify` does, and so can you, from docs/format.md of permledger.
"""

import base64
import hashlib
import json
import os
import re
import sys
import time
import zipfile

# ---- Ed25519 (RFC 8032) -------------------------------------------------------------------------------------------------

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def multiply(n, p):
    q = (0, 1, 1, 0)
    while n:
        q, p, n = add(q, p) if n & 1 else q, add(p, p), n >> 1
    return q


def point(b):
    y = int.from_bytes(b, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - xx) % P or x == 0 and sign:
        return None
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


def signed(key, message, signature):
    a, s = point(key), int.from_bytes(signature[32:], "little")
    if a is None or len(signature) != 64 or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    base = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    p = add(multiply(s, base), multiply(k, (P - a[0], a[1], 1, P - a[3])))
    x, y = p[0] * pow(p[2], P - 2, P) % P, p[1] * pow(p[2], P - 2, P) % P
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]


# ---- small things -------------------------------------------------------------------------------------------------------


class Wrong(Exception):
    pass


def need(ok, problem, *args):
    if not ok:
        raise Wrong(problem % args)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def cid(b):
    return "b" + base64.b32encode(b"\x01\x55\x12\x20" + sha256(b)).decode().lower().rstrip("=")


def unb64(text):
    return base64.b64decode(text, validate=True)


def public_key(did):
    n = 0
    for c in did[len("did:key:z"):]:
        n = n * 58 + "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz".index(c)
    b = n.to_bytes(34, "big")
    need(b[:2] == b"\xed\x01", "%s is no Ed25519 key", did)
    return b[2:]


def utc(seconds):
    if seconds >= 1 << 37:  # no calendar goes so far
        return "Unix time %d" % seconds
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def key_id(name, kind, public):
    return sha256(name.encode() + b"\n" + kind + public)[:4]


def path(prefix, index, width):
    groups = "%03d" % (index % 1000)
    while index >= 1000:
        index //= 1000
        groups = "x%03d/%s" % (index % 1000, groups)
    return "tile/%s/%s%s" % (prefix, groups, "" if width == 256 else ".p/%d" % width)


def root(hashes):
    """The Merkle tree hash of RFC 6962 over hashes of leaves or of subtrees of one size."""
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while 2 * k < len(hashes):
        k *= 2
    return sha256(b"\1", root(hashes[:k]), root(hashes[k:]))


# ---- the parts ----------------------------------------------------------------------------------------------------------


class Bundle:
    def __init__(self, place):
        if os.path.isdir(place):
            self.zip = None
            self.names = [
                os.path.relpath(os.path.join(at, f), place).replace(os.sep, "/")
                for at, _, files in os.walk(place) for f in files if "__pycache__" not in at
            ]
            self.place = place
        else:
            self.zip = zipfile.ZipFile(place)
            self.names = self.zip.namelist()
            need(len(set(self.names)) == len(self.names), "a file stands in the zip file twice")

    def read(self, name):
        need(name in self.names, "%s: it is missing", name)
        if self.zip:
            return self.zip.read(name)
        with open(os.path.join(self.place, *name.split("/")), "rb") as f:
            return f.read()

    def under(self, folder):
        return sorted(n for n in self.names if n.startswith(folder + "/"))


def check_sums(b):
    listed = set()
    for line in b.read("SHA256SUMS").decode("ascii").splitlines():
        digest, name = line.split("  ", 1)
        need(hashlib.sha256(b.read(name)).hexdigest() == digest, "%s: its SHA-256 is not the one in SHA256SUMS", name)
        listed.add(name)
    more = sorted(set(b.names) - listed - {"SHA256SUMS"})
    need(not more, "%s: SHA256SUMS does not list it", "".join(more[:1]))
    return len(listed)


def tree(b, size):
    """Checks the tiles against each other, and gives the root and the hashes of the leaves."""
    level, have, leaves, beneath = 0, size, [], None
    while have:
        hashes = []
        for index in range((have + 255) // 256):
            width = min(256, have - 256 * index)
            name = path(str(level), index, width)
            t = b.read(name)
            need(len(t) == 32 * width, "%s: it has %d bytes", name, len(t))
            hashes += [t[i:i + 32] for i in range(0, len(t), 32)]
        leaves = leaves or hashes
        for i, h in enumerate(hashes if level else []):
            name = path(str(level), i // 256, min(256, have - i // 256 * 256))
            need(root(beneath[256 * i:256 * i + 256]) == h, "%s[%d]: it is not the root of the tile beneath", name, i % 256)
        beneath, level, have = hashes, level + 1, have // 256
    return root(leaves), leaves


def all_entries(b, position, leaves):
    for index in range((position + 255) // 256):
        width = min(256, position - 256 * index)
        name = path("entries", index, width)
        data, at = b.read(name), 0
        for i in range(width):
            n = int.from_bytes(data[at:at + 2], "big")
            raw = data[at + 2:at + 2 + n]
            need(0 < n == len(raw), "%s[%d]: it is cut off", name, i)
            need(sha256(b"\0", raw) == leaves[256 * index + i], "%s[%d]: it is not the entry in the tree", name, i)
            yield 256 * index + i + 1, raw
            at += 2 + n
        need(at == len(data), "%s: bytes follow the last entry", name)


def some_entries(b, note, size, top):
    positions = sorted(int(n[len("entries/"):]) for n in b.under("entries") if not n.endswith(".tlog-proof"))
    for position in positions:
        name = "entries/%d" % position
        raw, proof = b.read(name), b.read(name + ".tlog-proof")
        head, _, checkpoint = proof.partition(b"\n\n")
        lines = head.decode().split("\n")
        need(lines[0] == "c2sp.org/tlog-proof@v1" and lines[1] == "index %d" % (position - 1), "%s.tlog-proof: it is of another entry", name)
        need(checkpoint == note, "%s.tlog-proof: its checkpoint is another one", name)
        # RFC 9162, section 2.1.3.2
        fn, sn, h, hashes = position - 1, size - 1, sha256(b"\0", raw), [unb64(line) for line in lines[2:]]
        for p in hashes:
            need(sn > 0, "%s.tlog-proof: it is too long", name)
            if fn & 1 or fn == sn:
                h = sha256(b"\1", p, h)
                while fn and not fn & 1:
                    fn, sn = fn >> 1, sn >> 1
            else:
                h = sha256(b"\1", h, p)
            fn, sn = fn >> 1, sn >> 1
        need(sn == 0 and h == top, "%s: its proof does not lead to the root of the checkpoint", name)
        yield position, raw


def checkpoint_keys(event, keys):
    """Takes in what an event does to the keys of checkpoints."""
    command, kind = event["data"]["command"], event["type"]
    if kind == "organization.opened":
        keys.update(filter(None, [command.get("keys", {}).get("checkpoint")]))
    elif kind == "key.registered" and command.get("purpose") == "checkpoint":
        keys.add(command["key"])
    elif kind == "key.rotated" and command.get("old") in keys:
        keys.add(command["new"])


def check_signatures(b, text, lines, origin, keys, vkey):
    signatures = {}
    for line in lines:
        name, blob = line[len("\u2014 "):].rsplit(" ", 1)
        signatures[name, unb64(blob)[:4]] = unb64(blob)[4:]
    if vkey:
        name, _, blob = vkey.split("+", 2)
        need(name == origin, "the key is of %s, the checkpoint of %s", name, origin)
        candidates, whose = [unb64(blob)[1:]], "by the key that you gave"
    else:
        candidates, whose = [public_key(k) for k in keys], "by a key that the ledger itself names: compare it with one from elsewhere"
    good = [k for k in candidates if signed(k, text, signatures.get((origin, key_id(origin, b"\1", k)), b""))]
    need(good, "checkpoint: not signed %s", whose)
    print("checkpoint   signed %s" % whose)
    for line in (b.read("policy").decode() if "policy" in b.names else "").splitlines():
        words = line.split()
        if words[:1] != ["witness"]:
            continue
        name, _, blob = words[2].split("+", 2)
        public = unb64(blob)[1:]
        s = signatures.get((name, key_id(name, b"\4", public)), b"")
        when = int.from_bytes(s[:8], "big")
        if s and signed(public, b"cosignature/v1\ntime %d\n" % when + text, s[8:]):
            print("witness      %s signed at %s: whose key that is, only the file policy says" % (name, utc(when)))


def check(place, vkey):
    b = Bundle(place)
    print("sums         %d files are as SHA256SUMS says" % check_sums(b))
    manifest, note = json.loads(b.read("manifest.json")), b.read("checkpoint")
    need(manifest["format"] == "permledger-bundle/1", "manifest.json: the format is %s", manifest["format"])
    position, question = manifest["position"], manifest["question"]
    text, _, rest = note.partition(b"\n\n")
    text += b"\n"
    lines = rest.decode().splitlines()
    origin, size, top = text.decode().splitlines()
    size, top = int(size), unb64(top)
    need(origin == manifest["origin"] and size == manifest["checkpointSize"] >= position, "checkpoint: it is not the one that the manifest names")
    if question["kind"] == "all":
        got, leaves = tree(b, size)
        need(got == top, "tile: the root is not the one of the checkpoint")
        found = all_entries(b, position, leaves)
    else:
        found = some_entries(b, note, size, top)
    keys, before, count, commitments = set(), {}, 0, set()
    for at, raw in found:
        event = json.loads(raw)["event"]
        need(event["sequence"] == str(at) and event["source"] == origin, "entry %d: it says it is entry %s of %s", at, event["sequence"], event["source"])
        if at - 1 in before:
            need(event["prev"] == before[at - 1], "entry %d: its link is not the CID of the entry before", at)
        before, count = {at: cid(raw)}, count + 1
        checkpoint_keys(event, keys)
        commitments.update(re.findall(rb'"([A-Za-z0-9_-]{43})"', raw))
    print("entries      %d, in the tree of %d entries that the checkpoint is of" % (count, size))
    check_signatures(b, text, lines, origin, keys, vkey)
    for name in b.under("documents"):
        need("documents/%s.json" % cid(b.read(name)) == name, "%s: its bytes have another CID", name)
    texts = 0
    for line in b"".join(b.read(name) for name in b.under("texts")).splitlines():
        t = json.loads(line)
        c = sha256(b"permledger commitment/1\n", base64.urlsafe_b64decode(t["salt"] + "="), t["text"].encode())
        need(base64.urlsafe_b64encode(c).rstrip(b"=") in commitments, "texts: no entry commits to %r", t["text"])
        texts += 1
    print("documents    %d, texts %d" % (len(b.under("documents")), texts))
    print("OK           %s as of entry %d of %s" % (question["kind"] + " " + question.get("id", "entries"), position, origin))


def main(args):
    vkey = None
    if "--key" in args[:-1]:
        i = args.index("--key")
        vkey, args = args[i + 1], args[:i] + args[i + 2:]
    if len(args) > 1 or args and args[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        check(args[0] if args else os.path.dirname(os.path.abspath(__file__)), vkey)
    except (Wrong, OSError, ValueError, KeyError, zipfile.BadZipFile) as e:
        print("NOT OK       %s" % e)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
