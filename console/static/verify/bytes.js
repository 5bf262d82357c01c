// Bytes and how they are written as text. Each reader takes one spelling and refuses every other.

// Wrong says why something does not hold.
export class Wrong extends Error {}

// Unjudged says that something cannot be judged here, as what a later release wrote: it is not known to be broken.
export class Unjudged extends Wrong {}

export function need(ok, problem) {
  if (!ok) {
    throw new Wrong(problem);
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}); // a byte order mark is a character like any other

export const utf8 = (text) => encoder.encode(text);

// text reads UTF-8 and refuses what is none.
export function text(b) {
  try {
    return decoder.decode(b);
  } catch {
    throw new Wrong('it is not UTF-8');
  }
}

export function concat(...parts) {
  let size = 0;
  for (const p of parts) {
    size += p.length;
  }
  const b = new Uint8Array(size);
  let at = 0;
  for (const p of parts) {
    b.set(p, at);
    at += p.length;
  }
  return b;
}

export function equal(a, b) {
  if (a.length !== b.length) {
    return false;
  }
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) {
      return false;
    }
  }
  return true;
}

const octet = Array.from({length: 256}, (_, n) => n.toString(16).padStart(2, '0'));

export function hex(b) {
  let s = '';
  for (const n of b) {
    s += octet[n];
  }
  return s;
}

export function unhex(s) {
  const b = new Uint8Array(s.length / 2);
  for (let i = 0; i < b.length; i++) {
    b[i] = parseInt(s.slice(2 * i, 2 * i + 2), 16);
  }
  return b;
}

// big reads bytes as one number, the most significant first.
export const big = (b) => BigInt('0x' + (hex(b) || '0'));

// unbig writes a number as so many bytes.
export const unbig = (n, size) => unhex(n.toString(16).padStart(2 * size, '0'));

export const reversed = (b) => b.slice().reverse();

const standard = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const forURLs = standard.slice(0, 62) + '-_';
const [valueOf, valueOfURL] = [standard, forURLs].map((digits) => {
  const values = new Int8Array(128).fill(-1);
  [...digits].forEach((c, i) => { values[c.charCodeAt(0)] = i; });
  return values;
});

function from64(s, values) {
  need(s.length % 4 !== 1, 'no base64: a digit too many');
  const b = new Uint8Array(s.length * 3 >> 2);
  let at = 0, bits = 0, value = 0;
  for (let i = 0; i < s.length; i++) {
    const v = values[s.charCodeAt(i)] ?? -1;
    need(v >= 0, 'no base64: another character');
    value = value << 6 | v;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      b[at++] = value >> bits & 255;
    }
  }
  need((value & (1 << bits) - 1) === 0, 'base64 with bits to spare');
  return b;
}

// base64 reads RFC 4648, section 4, with its padding; base64url section 5, without any.
export function base64(s) {
  const digits = s.replace(/={1,2}$/, '');
  need(s.length % 4 === 0 && s.length - digits.length === (4 - digits.length % 4) % 4, 'no base64: it is not padded as it must be');
  return from64(digits, valueOf);
}

export const base64url = (s) => from64(s, valueOfURL);

export function toBase64url(b) {
  let s = '', bits = 0, value = 0;
  for (const n of b) {
    value = value << 8 | n;
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      s += forURLs[value >> bits & 63];
    }
    value &= (1 << bits) - 1;
  }
  return bits ? s + forURLs[value << 6 - bits & 63] : s;
}

const digits32 = 'abcdefghijklmnopqrstuvwxyz234567';

// cid gives the CID whose SHA-256 this is: version 1, raw (format.md, 1.6).
export function cid(digest) {
  let s = 'b', bits = 0, value = 0;
  for (const n of concat([0x01, 0x55, 0x12, 0x20], digest)) {
    value = value << 8 | n;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      s += digits32[value >> bits & 31];
    }
    value &= (1 << bits) - 1;
  }
  return s + digits32[value << 5 - bits & 31]; // 36 bytes leave three bits
}

const digits58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

// base58 reads base58btc as a number of so many bytes.
export function base58(s, size) {
  need(s.length <= 2 * size, 'no base58: it is too long');
  let n = 0n;
  for (const c of s) {
    const v = digits58.indexOf(c);
    need(v >= 0, 'no base58: another character');
    n = n * 58n + BigInt(v);
  }
  need(n >> BigInt(8 * size) === 0n, 'base58 of too many bytes');
  const b = unbig(n, size);
  need(/^1*/.exec(s)[0].length === (b.findIndex((v) => v) + size + 1) % (size + 1), 'another spelling of base58');
  return b;
}

export function toBase58(b) {
  let s = '';
  for (let n = big(b); n > 0n; n /= 58n) {
    s = digits58[Number(n % 58n)] + s;
  }
  return s;
}
