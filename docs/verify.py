#!/usr/bin/env python3
"""Verifies the integrity of a permledger ledger from its journal, without permledger.

    python3 verify.py [--head CID] [--schemas DIR] JOURNAL...

Each JOURNAL is a segment file, or a directory of them. The answer is one line for each:

    JOURNAL: ok: 3 entries of ledger.example/acme, head bafkrei..., root 5d2c...
    JOURNAL: entry 2: link does not hold: ...

and the exit status is 0 when all hold, else 1. --head demands that the last entry has this CID: a tail that was cut
off leaves no other trace. --schemas names the folder schemas/ and demands in addition that each event keeps to the
JSON Schema of its type.

Written from docs/format.md alone, for Python 3.9 or later and its standard library; section numbers in comments are
that document's. It checks integrity, not whether what happened was permitted: see section 10 there.
"""

import base64
import functools
import hashlib
import json
import os
import re
import sys
from datetime import datetime, timedelta, timezone

# ---- Ed25519 (RFC 8032, section 5.1), checked without the cofactor: section 5 -----------------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_MINUS_1 = pow(2, (P - 1) // 4, P)
NEUTRAL = (0, 1, 1, 0)  # a point is (X, Y, Z, T): x = X/Z, y = Y/Z, xy = T/Z


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def multiply(n, p):
    q = NEUTRAL
    while n:
        if n & 1:
            q = add(q, p)
        p, n = add(p, p), n >> 1
    return q


def compress(p):
    inverse = pow(p[2], P - 2, P)
    x, y = p[0] * inverse % P, p[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def decompress(b):
    """Gives the point that 32 bytes encode, None where they are no canonical encoding of one."""
    y = int.from_bytes(b, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        return None
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * SQRT_MINUS_1 % P
    if (x * x - xx) % P or x == 0 and sign:
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


BASE = decompress((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


@functools.lru_cache(maxsize=65536)
def signed(key, message, signature):
    a, s = decompress(key), int.from_bytes(signature[32:], "little")
    if a is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % L
    minus_a = (P - a[0], a[1], 1, P - a[3])
    return compress(add(multiply(s, BASE), multiply(k, minus_a))) == signature[:32]


BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@functools.lru_cache(maxsize=4096)
def public_key(did):
    """Gives the 32 bytes that a did:key names (section 1.5)."""
    n = 0
    for c in did[len("did:key:z"):]:
        n = n * 58 + BASE58.index(c)
    b = n.to_bytes(34, "big") if n < 1 << 272 else b""
    need(b[:2] == b"\xed\x01", "%s is no Ed25519 key", did)
    point = decompress(b[2:])
    need(point is not None, "%s is no point of the curve, or another spelling of one", did)
    need(compress(multiply(8, point)) != compress(NEUTRAL), "%s is of small order", did)
    return b[2:]


# ---- wallets: Keccak-256, and recovery on secp256k1 (SEC 1, section 4.1.6): section 5.5 ------------------------------------

ROUNDS = (0x0000000000000001, 0x0000000000008082, 0x800000000000808a, 0x8000000080008000, 0x000000000000808b, 0x0000000080000001,
          0x8000000080008081, 0x8000000000008009, 0x000000000000008a, 0x0000000000000088, 0x0000000080008009, 0x000000008000000a,
          0x000000008000808b, 0x800000000000008b, 0x8000000000008089, 0x8000000000008003, 0x8000000000008002, 0x8000000000000080,
          0x000000000000800a, 0x800000008000000a, 0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008)


def keccak(b):
    """Gives Keccak-256: SHA3-256 with the padding it had before it was a standard."""
    b = bytearray(b + b"\x01" + bytes(-(len(b) + 1) % 136))
    b[-1] |= 0x80
    a = [0] * 25  # a[x + 5y]
    for at in range(0, len(b), 136):
        for i in range(17):
            a[i] ^= int.from_bytes(b[at + 8 * i:at + 8 * i + 8], "little")
        for constant in ROUNDS:
            c = [a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20] for x in range(5)]
            a = [v ^ c[(i + 4) % 5] ^ rotated(c[(i + 1) % 5], 1) for i, v in enumerate(a)]
            x, y, v = 1, 0, a[1]
            for t in range(24):
                x, y = y, (2 * x + 3 * y) % 5
                v, a[x + 5 * y] = a[x + 5 * y], rotated(v, (t + 1) * (t + 2) // 2 % 64)
            a = [v ^ ~a[i // 5 * 5 + (i + 1) % 5] & a[i // 5 * 5 + (i + 2) % 5] for i, v in enumerate(a)]
            a[0] ^= constant
    return b"".join(v.to_bytes(8, "little") for v in a[:4])


def rotated(v, n):
    return (v << n | v >> 64 - n) & (1 << 64) - 1


Q = 2**256 - 2**32 - 977
N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141
G = (0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798, 0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8)


def plus(p, q):
    """Adds points (x, y) of secp256k1; None is the neutral one."""
    if p is None or q is None:
        return p or q
    if p[0] == q[0] and (p[1] + q[1]) % Q == 0:
        return None
    slope = 3 * p[0] * p[0] * pow(2 * p[1], Q - 2, Q) if p == q else (q[1] - p[1]) * pow(q[0] - p[0], Q - 2, Q)
    x = (slope * slope - p[0] - q[0]) % Q
    return (x, (slope * (p[0] - x) - p[1]) % Q)


def times(n, p):
    sum = None
    while n:
        if n & 1:
            sum = plus(sum, p)
        p, n = plus(p, p), n >> 1
    return sum


@functools.lru_cache(maxsize=65536)
def signer(digest, signature):
    """Gives the address whose signature r, s, v this is, None where it is none in its one spelling."""
    if len(signature) != 65:
        return None
    r, s, v = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"), signature[64]
    if not 0 < r < N or not 0 < s <= N // 2 or v not in (27, 28):
        return None
    yy = (r * r * r + 7) % Q
    y = pow(yy, (Q + 1) // 4, Q)
    if y * y % Q != yy:
        return None
    if y & 1 != v - 27:
        y = Q - y
    inverse, h = pow(r, N - 2, N), int.from_bytes(digest, "big")
    key = plus(times(s * inverse % N, (r, y)), times(-h * inverse % N, G))
    return None if key is None else address(keccak(key[0].to_bytes(32, "big") + key[1].to_bytes(32, "big"))[12:])


@functools.lru_cache(maxsize=4096)
def address(b):
    """Writes 20 bytes with the checksum of EIP-55."""
    digits = b.hex()
    return "0x" + "".join(d.upper() if int(n, 16) > 7 else d for d, n in zip(digits, keccak(digits.encode()).hex()))


# ---- canonical JSON: section 1 ----------------------------------------------------------------------------------------

FORBIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f-\u1160\u17b4-\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\uffff\U000e0000-\U0010ffff]")


class Wrong(Exception):
    """Says why something does not hold."""


def need(ok, problem, *args):
    if not ok:
        raise Wrong(problem % args)


def parse(b):
    """Reads canonical JSON, and nothing else."""

    def pairs(members):
        names = [name for name, _ in members]
        need(len(set(names)) == len(names), "a member stands twice")
        return dict(members)

    def integer(digits):
        need(digits[0] != "-" and len(digits) <= 16 and int(digits) < 1 << 53, "not an integer from 0 to 2^53-1")
        return int(digits)

    def no_number(_):
        raise Wrong("a number that is no integer")

    try:
        v = json.loads(b.decode("utf-8"), object_pairs_hook=pairs, parse_int=integer, parse_float=no_number, parse_constant=no_number)
    except (ValueError, RecursionError) as e:
        raise Wrong("not JSON: %s" % e)
    walk(v, 1)
    need(canonical(v) == b, "not the canonical form")
    return v


def walk(v, depth):
    if isinstance(v, str):
        need(not FORBIDDEN.search(v), "a forbidden code point")
    elif isinstance(v, (dict, list)):
        need(depth <= 32, "nested deeper than 32")
        for x in v:
            walk(x, depth + 1)
            if isinstance(v, dict):
                walk(v[x], depth + 1)
    else:
        need(v is True or isinstance(v, int) and v is not False, "null or false")


def canonical(v):
    return json.dumps(v, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode("utf-8", "surrogatepass")


# ---- the members of entries and events: sections 2 and 3 ----------------------------------------------------------------

ULID = re.compile("[0-7][0-9A-HJKMNP-TV-Z]{25}")
TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})Z", re.ASCII)
DIGEST = re.compile("[A-Za-z0-9_-]{43}")
SIGNATURE = re.compile("[A-Za-z0-9_-]{86}")
CID = re.compile("bafkrei[a-z2-7]{52}")
CREDENTIAL = re.compile("[!-~]{1,256}")
ALGORITHM = re.compile("[A-Za-z0-9][A-Za-z0-9.-]{0,63}")
PROOF = re.compile("[A-Za-z0-9_-]{2,683}")
KEY = re.compile("did:key:z6Mk[1-9A-HJ-NP-Za-km-z]{44}")
TOKEN = re.compile("[a-z0-9][a-z0-9.-]{0,63}")
THING = re.compile("[!-~]([ -~]{0,126}[!-~])?")
SOURCE = re.compile("[a-z0-9]([a-z0-9.:-]*[a-z0-9])?/[a-z0-9-]{1,32}")
SUBJECT = re.compile("[a-z]+/[!-~]+")
SCHEMA = re.compile("urn:permledger:[a-z.]+:[1-9][0-9]{0,8}")
DECIMAL = re.compile("[1-9][0-9]{0,15}")
TEXT = re.compile(".{64,96}", re.DOTALL)

# Type and version, what the event is about, and whether it has an effect: section 4.
TYPES = {
    ("agent.added", 1): ("token/{token}", True),
    ("agent.removed", 1): ("token/{token}", True),
    ("access.assigned", 1): ("subject/{subject}", False),
    ("access.delegated", 1): ("subject/{subject}", True),
    ("access.unassigned", 1): ("subject/{subject}", True),
    ("catalogue.published", 1): ("catalogue/{catalogue}", True),
    ("chain.observed", 1): ("token/{token}", True),
    ("catalogue.published", 2): ("catalogue/{catalogue}", True),
    ("checkpoints.recorded", 1): ("organization/operator", False),
    ("document.issued", 1): ("{about}", False),
    ("grant.ended", 1): ("grant/{grant}", True),
    ("investor.disqualified", 1): ("token/{token}", True),
    ("investor.qualified", 1): ("token/{token}", True),
    ("key.registered", 1): ("key/{key}", False),
    ("key.registered", 2): ("key/{key}", False),
    ("key.reported", 1): ("key/{key}", False),
    ("key.revoked", 1): ("key/{key}", False),
    ("key.rotated", 1): ("key/{new}", True),
    ("key.rotated", 2): ("key/{new}", True),
    ("key.succeeded", 1): ("key/{key}", False),
    ("login.changed", 1): ("subject/{subject}", False),
    ("organization.opened", 1): ("organization/{organization}", False),
    ("organization.opened", 2): ("organization/{organization}", False),
    ("organization.updated", 1): ("organization/{organization}", False),
    ("ownership.recovered", 1): ("subject/{to}", True),
    ("ownership.transferred", 1): ("subject/{to}", True),
    ("permission.granted", 1): ("subject/{user}", False),
    ("permission.granted", 2): ("subject/{subject}", False),
    ("permission.granted", 3): ("subject/{subject}", False),
    ("permission.revoked", 1): ("subject/{subject}", True),
    ("permissions.recorded", 1): ("permissions/part", True),
    ("permissions.set", 1): ("subject/{subject}", True),
    ("resource.registered", 1): ("resource/{resource}", False),
    ("resource.removed", 1): ("resource/{resource}", False),
    ("resource.updated", 1): ("resource/{resource}", False),
    ("review.closed", 1): ("review/{review}", True),
    ("review.decided", 1): ("review/{review}", False),
    ("review.started", 1): ("review/{review}", True),
    ("recovery.started", 1): ("subject/{to}", True),
    ("recovery.stopped", 1): ("subject/{to}", False),
    ("role.assigned", 1): ("subject/{subject}", False),
    ("role.assigned", 2): ("subject/{subject}", False),
    ("role.created", 1): ("role/{role}", True),
    ("role.delegated", 1): ("subject/{subject}", True),
    ("role.created", 2): ("role/{role}", True),
    ("role.defaulted", 1): ("role/{role}", True),
    ("role.deleted", 1): ("role/{role}", False),
    ("role.reviewed", 1): ("role/{role}", False),
    ("role.revoked", 1): ("subject/{subject}", True),
    ("role.updated", 1): ("role/{role}", True),
    ("roles.set", 1): ("subject/{subject}", True),
    ("rules.adopted", 1): ("organization/{organization}", True),
    ("subject.added", 1): ("subject/{subject}", False),
    ("subject.added", 2): ("subject/{subject}", True),
    ("subject.deactivated", 1): ("subject/{subject}", False),
    ("subject.erased", 1): ("subject/{subject}", False),
    ("subject.invited", 1): ("subject/{subject}", True),
    ("subject.joined", 1): ("subject/{subject}", False),
    ("subject.linked", 1): ("subject/{subject}", False),
    ("subject.reactivated", 1): ("subject/{subject}", False),
    ("subject.removed", 1): ("subject/{subject}", True),
    ("subject.unlinked", 1): ("subject/{subject}", False),
    ("subject.updated", 1): ("subject/{subject}", False),
    ("token.acted", 1): ("token/{token}", True),
    ("token.deployed", 1): ("token/{token}", True),
    ("token.transferred", 1): ("token/{token}", True),
    ("token.updated", 1): ("token/{token}", True),
    ("wallet.blocked", 1): ("token/{token}", True),
    ("wallet.unblocked", 1): ("token/{token}", True),
}


def members(v, what, **wanted):
    """Demands that v is an object with these members. A value is a pattern, a type, a constant, or such with OPTIONAL."""
    need(isinstance(v, dict), "%s is no object", what)
    for name in v:
        need(name in wanted, "%s has an unknown member %s", what, name)
    for name, want in wanted.items():
        optional = isinstance(want, tuple)
        want = want[1] if optional else want
        if name not in v:
            need(optional, "%s has no member %s", what, name)
        elif isinstance(want, str):
            need(v[name] == want, "%s.%s is not %s", what, name, want)
        elif isinstance(want, type):
            need(type(v[name]) is want, "%s.%s is of another type", what, name)
        else:
            need(isinstance(v[name], str) and want.fullmatch(v[name]), "%s.%s is not what it must be", what, name)
            check_value(want, v[name], what + "." + name)


def OPTIONAL(want):
    return (None, want)


def check_value(pattern, s, what):
    if pattern is TIME:
        instant(s)
    elif pattern is ULID:
        need(s != "0" * 26, "%s is zero", what)
    elif pattern is KEY:
        public_key(s)
    elif pattern in (DIGEST, SIGNATURE, PROOF):
        need(len(s) % 4 != 1 and base64url(octets(s)) == s, "%s has bits to spare", what)


def octets(s):
    return base64.urlsafe_b64decode(s + "=" * (-len(s) % 4))


def base64url(b):
    return base64.urlsafe_b64encode(b).decode().rstrip("=")


def instant(s):
    y, mo, d, h, mi, sec, ms = (int(x) for x in TIME.fullmatch(s).groups())
    try:
        at = datetime(y, mo, d, h, mi, sec, ms * 1000, timezone.utc)
    except ValueError:
        raise Wrong("%s is no instant" % s)
    need(y >= 1970, "%s is before 1970", s)
    return at


def id_ms(ulid):
    ms = 0
    for c in ulid[:10]:
        ms = ms * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(c)
    return ms


def id_time(ulid):
    return datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(milliseconds=min(id_ms(ulid), 253402300799999))


def check_entry(entry):
    members(entry, "entry", document=OPTIONAL(dict), event=dict, evidence=OPTIONAL(dict), signatures=list)
    if "document" in entry:
        members(entry["document"], "document", cid=CID, format=TOKEN, key=KEY, proof=TEXT)
    if "evidence" in entry:
        ev = entry["evidence"]
        members(ev, "evidence", algorithm=ALGORITHM, expires=TIME, key=CREDENTIAL, seen=OPTIONAL(dict), sig=PROOF)
        if "seen" in ev:
            members(ev["seen"], "seen", root=DIGEST, size=int)
    need(len(entry["signatures"]) == 1, "there is not one signature")
    members(entry["signatures"][0], "signature", key=KEY, sig=SIGNATURE)


def from_later(entry):
    """Looks at the type of the event first: around one of a later release everything may be new (section 2)."""
    e = entry.get("event") if isinstance(entry, dict) else None
    name = e.get("dataschema") if isinstance(e, dict) else None
    if isinstance(name, str) and SCHEMA.fullmatch(name):
        _, _, typ, version = name.split(":")
        need((typ, int(version)) in TYPES, "the type %s is of a later release: neither it nor what follows can be judged", name)


def check_event(e):
    members(e, "event", actor=ULID, data=dict, dataschema=SCHEMA, id=ULID, prev=OPTIONAL(CID), sequence=DECIMAL,
            source=SOURCE, specversion="1.0", subject=SUBJECT, time=TIME, type=TOKEN)
    need(len(e["source"]) <= 255 and len(e["subject"]) <= 256, "a string is too long")
    _, _, typ, version = e["dataschema"].split(":")
    need(typ == e["type"], "type is not that of dataschema")
    about, effect = TYPES[typ, int(version)]
    d = e["data"]
    members(d, "data", auth=dict, command=dict, **({"effect": dict} if effect else {}), origin=OPTIONAL(dict), reason=OPTIONAL(DIGEST))
    members(d["auth"], "auth", credential=CREDENTIAL, method=TOKEN)
    if d["auth"]["method"] in ("signature", "node"):
        members(d["auth"], "auth", credential=KEY, method=TOKEN)
    need(d.get("reason") != "A" * 43, "a reason of zeros is left out")
    if "origin" in d:
        need(len(d["origin"]) == 1, "an origin is either imported or derived")
        members(d["origin"], "origin", **{"import": OPTIONAL(dict)}, derived=OPTIONAL(dict))
    if "import" in d.get("origin", {}):
        members(d["origin"]["import"], "import", format=TOKEN, occurred=OPTIONAL(TIME), part=int, record=THING, source=THING)
    if "derived" in d.get("origin", {}):
        members(d["origin"]["derived"], "derived", **{"from": ULID}, row=int)
    try:
        need(e["subject"] == about.format(**d["command"]), "subject is not what the event is about")
    except KeyError as missing:
        raise Wrong("the command has no member %s" % missing)
    need(("prev" in e) == (e["sequence"] != "1"), "the first event, and no other, has no prev")
    key_members(e["type"], d["command"], e["dataschema"].endswith(":1"))


def key_members(typ, c, first):
    """Checks the members that the history of the keys is read from: section 6."""
    if typ == "organization.opened":
        need("keys" in c, "the command has no member keys")
        members(c["keys"], "keys", document=KEY, event=KEY, operator=KEY, root=KEY, **({} if first else {"checkpoint": KEY}))
    wanted = {"key.registered": ("key", "purpose"), "key.rotated": ("old", "new"), "key.succeeded": ("lost", "key"), "key.revoked": ("key",)}
    for name in wanted.get(typ, ()):
        pattern = TOKEN if name == "purpose" else KEY
        need(name in c and isinstance(c[name], str) and pattern.fullmatch(c[name]), "command.%s is not what it must be", name)
        check_value(pattern, c[name], "command." + name)


# ---- signatures: section 5 ----------------------------------------------------------------------------------------------

EVENT, COMMAND = "application/vnd.permledger.event+json", "application/vnd.permledger.command+json"


def pae(payload_type, payload):
    t = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(t), t, len(payload), payload)


def member_bytes(b, name):
    """Finds the exact bytes of a member of the object b, by its strings and its depth (section 2)."""
    depth, i, start = 0, 0, None
    while i < len(b):
        c = b[i:i + 1]
        if c == b'"':
            end = i + 1
            while b[end:end + 1] != b'"':
                end += 2 if b[end:end + 1] == b"\\" else 1
            if depth == 1 and start is None and b[i + 1:end] == name and b[end + 1:end + 2] == b":":
                start, end = end + 2, end + 1
            i = end
        elif c in b"{[":
            depth += 1
        elif c in b"}]":
            depth -= 1
            if depth == 1 and start is not None:
                return b[start:i + 1]
        i += 1
    raise Wrong("no member %s" % name.decode())


def command_bytes(e, ev):
    d = e["data"]
    c = {"actor": e["actor"], "command": d["command"], "dataschema": e["dataschema"], "id": e["id"], "ledger": e["source"], "expires": ev["expires"]}
    c.update({name: v for name, v in (("origin", d.get("origin")), ("reason", d.get("reason")), ("seen", ev.get("seen"))) if v is not None})
    return canonical(c)


def check_evidence(entry):
    e, ev = entry["event"], entry.get("evidence")
    auth = e["data"]["auth"]
    need(auth["method"] in ("signature", "node", *METHODS.values()), "the method %s is of a later release", auth["method"])
    need((auth["method"] != "node") == (ev is not None), "evidence is there where it must not be, or not where it must")
    if ev is None:
        return
    need(ev["key"] == auth["credential"], "it is of another key than the event says")
    need(ev["algorithm"] in METHODS, "the algorithm %s is of a later release", ev["algorithm"])
    need(METHODS[ev["algorithm"]] == auth["method"], "it is by %s, and the event says %s", ev["algorithm"], auth["method"])
    need(instant(e["time"]) < instant(ev["expires"]), "the command had expired")
    if "import" not in e["data"].get("origin", {}):
        need(instant(ev["expires"]) - id_time(e["id"]) <= timedelta(hours=24), "it expires more than 24 h after the id's time")
    if ev["algorithm"] == "Ed25519":
        need(SIGNATURE.fullmatch(ev["sig"]), "it is no Ed25519 signature")
        need(signed(public_key(ev["key"]), pae(COMMAND, command_bytes(e, ev)), octets(ev["sig"])), "%s did not sign this command", ev["key"])
        return
    digest, wallet = wallet_digest(e, ev)
    need(signer(digest, octets(ev["sig"])) == wallet, "%s did not sign this command", ev["key"])


# ---- what wallets sign of a command: section 5.5 --------------------------------------------------------------------------

METHODS = {"Ed25519": "signature", "EIP-712": "eip712", "EIP-191": "eip191", "EIP-4361": "eip4361"}
WALLET = re.compile("(?:did:pkh:eip155:([1-9][0-9]{0,15}):)?(0x[0-9A-Fa-f]{40})")
TOKEN_OF = re.compile("token/eip155:([1-9][0-9]{0,15}):(0x[0-9A-Fa-f]{40})(?:/.*)?")
ACTION = "Action(address actor,string ledger,string action,string resource,string command,bytes32 payloadHash,string nonce,string issuedAt,string expiresAt)"


def spelled(match):
    """Says whether a chain id and an address are in their one spelling."""
    return match is not None and int(match[1] or 1) < 1 << 53 and address(bytes.fromhex(match[2][2:])) == match[2]


def wallet_digest(e, ev):
    """Gives the hash that a wallet signs of a command, and the wallet's address."""
    wallet, token = WALLET.fullmatch(ev["key"]), TOKEN_OF.fullmatch(e["subject"])
    need(spelled(wallet), "%s is no wallet in its one spelling", ev["key"])
    chain, contract = int(wallet[1] or 0), None
    if spelled(token):
        need(chain in (0, int(token[1])), "the wallet is of another chain than the token")
        chain, contract = int(token[1]), token[2]
    at = id_time(e["id"])
    need(id_ms(e["id"]) < 253402300800000, "the time in the id is beyond the year 9999")
    c = command_bytes(e, ev)
    said = {"ledger": e["source"], "action": e["type"], "resource": e["subject"], "command": canonical(e["data"]["command"]).decode(),
            "hash": keccak(c), "nonce": e["id"], "issued": at.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (at.microsecond // 1000), "expires": ev["expires"]}
    if ev["algorithm"] == "EIP-712":
        return keccak(b"\x19\x01" + domain(chain, contract) + action(wallet[2], said)), wallet[2]
    text = (plain_text if ev["algorithm"] == "EIP-191" else sign_in)(wallet, chain, said).encode()
    return keccak(b"\x19Ethereum Signed Message:\n%d" % len(text) + text), wallet[2]


def hashed(text):
    return keccak(text.encode())


def domain(chain, contract):
    typ, data = "string name,string version", hashed("Permission Ledger") + hashed("1")
    if chain:
        typ, data = typ + ",uint256 chainId", data + chain.to_bytes(32, "big")
    if contract:
        typ, data = typ + ",address verifyingContract", data + bytes(12) + bytes.fromhex(contract[2:])
    return keccak(hashed("EIP712Domain(" + typ + ")") + data)


def action(wallet, said):
    return keccak(hashed(ACTION) + bytes(12) + bytes.fromhex(wallet[2:]) + hashed(said["ledger"]) + hashed(said["action"]) + hashed(said["resource"])
                  + hashed(said["command"]) + said["hash"] + hashed(said["nonce"]) + hashed(said["issued"]) + hashed(said["expires"]))


def plain_text(wallet, _, said):
    return ("Permission Ledger: sign a command\n\nLedger: %s\nAction: %s\nResource: %s\nCommand: %s\nWallet: %s\nNonce: %s\nIssued At: %s\n"
            "Expiration Time: %s\nHash: 0x%s") % (said["ledger"], said["action"], said["resource"], said["command"], wallet[0], said["nonce"],
                                                 said["issued"], said["expires"], said["hash"].hex())


def sign_in(wallet, chain, said):
    ledger = said["ledger"]
    return ("%s wants you to sign in with your Ethereum account:\n%s\n\n"
            "Sign the command %s for the permission ledger %s. It is written out below.\n\n"
            "URI: https://%s\nVersion: 1\nChain ID: %d\nNonce: %s\nIssued At: %s\nExpiration Time: %s\nRequest ID: %s\nResources:\n"
            "- https://%s#%s\n- data:application/json,%s\n- urn:permledger:keccak256:%s") % (
        ledger.rpartition("/")[0], wallet[2], said["action"], ledger, ledger, chain or 1, said["nonce"], said["issued"], said["expires"], said["nonce"],
        ledger, escaped(said["resource"]), escaped(said["command"]), said["hash"].hex())


def escaped(s):
    return "".join(chr(b) if re.match("[A-Za-z0-9._~:/@!$&'()*+,;=-]", chr(b)) else "%%%02X" % b for b in s.encode())


# ---- the chain: sections 6 and 7 -------------------------------------------------------------------------------------------


def cid(b):
    return "b" + base64.b32encode(b"\x01\x55\x12\x20" + hashlib.sha256(b).digest()).decode().lower().rstrip("=")


class Broken(Exception):
    pass


class Verifier:
    def __init__(self, schemas=None):
        self.schemas = schemas
        self.position, self.head, self.source, self.time = 0, None, None, None
        self.keys, self.root_key, self.frontier = set(), None, []
        self.roots = [self.root()]  # of the trees of 0, 1, 2, ... entries

    def next(self, raw):
        at = self.position + 1

        def hold(check, f, *args):
            try:
                return f(*args)
            except Wrong as e:
                raise Broken("entry %d: %s does not hold: %s" % (at, check, e))

        entry = hold("form", self.form, raw)
        e = entry["event"]
        hold("position", need, int(e["sequence"]) == at, "the sequence is %s", e["sequence"])
        hold("link", need, e.get("prev") == self.head, "prev is %s, the entry before is %s", e.get("prev"), self.head)
        hold("source", need, self.source in (None, e["source"]), "it is of %s", e["source"])
        hold("time", need, self.time is None or instant(e["time"]) >= self.time, "%s is before the entry before", e["time"])
        signature = entry["signatures"][0]
        body = member_bytes(raw, b"event")
        hold("signature", need, signed(public_key(signature["key"]), pae(EVENT, body), octets(signature["sig"])), "%s did not sign this event", signature["key"])
        auth = e["data"]["auth"]
        hold("key", need, auth["method"] != "node" or auth["credential"] == signature["key"], "the node says that it proved itself with %s", auth["credential"])
        hold("evidence", check_evidence, entry)
        hold("key", self.signer, entry)
        hold("evidence", self.saw, entry.get("evidence", {}).get("seen"))
        self.note(e)
        self.position, self.head, self.source, self.time = at, cid(raw), e["source"], instant(e["time"])
        self.grow(hashlib.sha256(b"\x00" + raw).digest())
        self.roots.append(self.root())

    def form(self, raw):
        need(len(raw) <= 65535, "larger than 65,535 bytes")
        entry = parse(raw)
        from_later(entry)
        check_entry(entry)
        check_event(entry["event"])
        if self.schemas:
            _, _, typ, version = entry["event"]["dataschema"].split(":")
            conform(entry["event"], schema(self.schemas, typ, version), "event")
        return entry

    def signer(self, entry):
        e, key, c = entry["event"], entry["signatures"][0]["key"], entry["event"]["data"]["command"]
        if e["type"] == "organization.opened":
            ok = e["sequence"] == "1" and key == c["keys"]["event"]
        elif e["type"] == "key.succeeded":
            ok = key == c["key"] and self.root_key is not None and entry.get("evidence", {}).get("key") == self.root_key
        elif e["type"] == "key.rotated" and c["old"] == self.root_key:
            ok = key in self.keys and entry.get("evidence", {}).get("key") == self.root_key
        else:
            ok = key in self.keys
        need(ok, "%s may not sign at this position", key)

    def saw(self, seen):
        if seen is not None:
            need(seen["size"] <= self.position and self.roots[seen["size"]] == octets(seen["root"]).hex(), "its author had seen another history")

    def note(self, e):
        typ, c = e["type"], e["data"]["command"]
        if typ == "organization.opened":
            self.keys, self.root_key = {c["keys"]["event"]}, c["keys"]["root"]
        elif typ == "key.registered" and c["purpose"] == "event":
            self.keys.add(c["key"])
        elif typ == "key.rotated" and c["old"] in self.keys:
            self.keys.remove(c["old"])
            self.keys.add(c["new"])
        elif typ == "key.rotated" and c["old"] == self.root_key:
            self.root_key = c["new"]
        elif typ == "key.succeeded":
            self.keys.discard(c["lost"])
            self.keys.add(c["key"])
        elif typ == "key.revoked":
            self.keys.discard(c["key"])

    def grow(self, leaf):
        """Adds a leaf to the tree of section 8: frontier has the roots of perfect subtrees, with their sizes."""
        size = 1
        while self.frontier and self.frontier[-1][0] == size:
            leaf, size = hashlib.sha256(b"\x01" + self.frontier.pop()[1] + leaf).digest(), size * 2
        self.frontier.append((size, leaf))

    def root(self):
        if not self.frontier:
            return hashlib.sha256(b"").hexdigest()
        root = self.frontier[-1][1]
        for _, left in reversed(self.frontier[:-1]):
            root = hashlib.sha256(b"\x01" + left + root).digest()
        return root.hex()


# ---- JSON Schema, as far as schemas/ uses it ---------------------------------------------------------------------------------


@functools.lru_cache(maxsize=None)
def schema(folder, typ, version):
    with open(os.path.join(folder, "events", "%s.%s.json" % (typ, version)), encoding="utf-8") as f:
        return json.load(f)


def conform(v, s, what):
    for word, value in s.items():
        if word == "const":
            need(v == value and type(v) is type(value), "%s is not %s", what, value)
        elif word == "type":
            need(type(v) is {"object": dict, "array": list, "string": str, "integer": int}[value], "%s is no %s", what, value)
        elif word == "pattern":
            need(re.search(value.replace("$", r"\Z"), v), "%s does not match %s", what, value)
        elif word in ("minLength", "maxLength", "minItems"):
            need(len(v) >= value if word.startswith("min") else len(v) <= value, "%s is too long or too short", what)
        elif word in ("minimum", "maximum"):
            need(v >= value if word == "minimum" else v <= value, "%s is too large or too small", what)
        elif word == "uniqueItems":
            need(v == sorted(set(v)), "%s is no set in ascending order", what)  # the sets of section 1.4, all ASCII
        elif word == "items":
            for i, x in enumerate(v):
                conform(x, value, "%s[%d]" % (what, i))
        elif word == "required":
            need(all(name in v for name in value), "%s lacks a member", what)
        elif word == "additionalProperties":
            need(all(name in s.get("properties", {}) for name in v), "%s has an unknown member", what)
        elif word == "properties":
            for name in v:
                if name in value:
                    conform(v[name], value[name], what + "." + name)
        else:
            need(word in ("$id", "$schema", "title", "description"), "a schema says %s, which is not known", word)


# ---- journals: section 9 ---------------------------------------------------------------------------------------------------------


def entries(path):
    """Gives the entries of a segment, or of the segments of a directory."""
    names = [path]
    if os.path.isdir(path):
        names = sorted(os.path.join(path, n) for n in os.listdir(path) if re.fullmatch(r"[0-9]{8}\.seg", n))
        for number, name in enumerate(names):
            if int(os.path.basename(name)[:8]) != number:
                raise Broken("segment %08d is missing" % number)
    for number, name in enumerate(names):
        with open(name, "rb") as f:
            b = f.read()
        i = count = 0
        while i < len(b):
            size = int.from_bytes(b[i:i + 2], "big")
            if size == 0 and number == len(names) - 1 and not any(b[i:]):
                break  # room for what comes, in the last segment of a journal that is open, or was when it crashed
            if size == 0 or i + 2 + size > len(b) or count == 65536:
                raise Broken("%s: no whole record at byte %d" % (name, i))
            yield b[i + 2:i + 2 + size]
            i, count = i + 2 + size, count + 1
        if number < len(names) - 1 and count != 65536:
            raise Broken("%s: %d entries, and yet there is a next segment" % (name, count))


def verify(path, head, schemas):
    v = Verifier(schemas)
    for raw in entries(path):
        v.next(raw)
    if head and v.head != head:
        raise Broken("entry %d: head does not hold: the last CID is %s" % (v.position, v.head))
    return "ok: %d entries of %s, head %s, root %s" % (v.position, v.source, v.head, v.root())


def main(args):
    options = {"--head": None, "--schemas": None}
    while len(args) > 1 and args[0] in options:
        options[args[0]], args = args[1], args[2:]
    if not args or args[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    status = 0
    for path in args:
        try:
            print("%s: %s" % (path, verify(path, options["--head"], options["--schemas"])))
        except (Broken, OSError) as e:
            print("%s: %s" % (path, e))
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
