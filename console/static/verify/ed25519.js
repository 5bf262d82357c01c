// Ed25519 (RFC 8032), checked without the cofactor (format.md, 5.1) by the browser's WebCrypto.
//
// What WebCrypto refuses differs: those of Chromium and Node take keys of small order, with which anybody signs, and keys in a
// second spelling; the specification of it refuses the first. So keys are checked here, before it is asked.
import {Wrong, base58, big, need, reversed, toBase58} from './bytes.js';

const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

const mod = (n) => (n %= P) < 0n ? n + P : n;

function power(base, exponent) {
  let r = 1n;
  for (const bit of exponent.toString(2)) {
    r = r * r % P;
    if (bit === '1') {
      r = r * base % P;
    }
  }
  return r;
}

const D = mod(-121665n * power(121666n, P - 2n));
const rootOfMinus1 = power(2n, (P - 1n) / 4n);

// squareRoot gives x with v·x² = u, undefined where there is none.
function squareRoot(u, v) {
  let x = mod(u * v ** 3n * power(mod(u * v ** 7n), (P - 5n) / 8n));
  if (mod(v * x * x - u) !== 0n) {
    x = x * rootOfMinus1 % P;
  }
  return mod(v * x * x - u) === 0n ? x : undefined;
}

// smallOrder has y of each point whose order divides 8: y = 1, -1, 0, and those of order 8, where doubling leads to y = 0.
const smallOrder = (() => {
  const all = new Set([0n, 1n, P - 1n]);
  const s = squareRoot(mod(1n + D), 1n);
  for (const sign of [1n, -1n]) { // -x² + y² = 1 + dx²y² with x² = -y²: so dy⁴ + 2y² - 1 = 0
    const y = squareRoot(mod(sign * s - 1n), D);
    if (y !== undefined) {
      all.add(y).add(P - y);
    }
  }
  return all;
})();

// checkKey demands the one spelling of a point of the curve that is of no small order (format.md, 1.5).
export function checkKey(key, name) {
  const n = big(reversed(key)), y = n & (1n << 255n) - 1n;
  need(y < P, `${name} is another spelling of a point`);
  need(!smallOrder.has(y), `${name} is of small order`); // x = 0 with a sign is among these
  const yy = y * y % P;
  need(squareRoot(mod(yy - 1n), mod(D * yy + 1n)) !== undefined, `${name} is no point of the curve`);
}

const known = new Map(); // did:key to its 32 bytes; only what passed

// publicKey gives the 32 bytes that a did:key names.
export function publicKey(did) {
  let key = known.get(did);
  if (key) {
    return key;
  }
  need(/^did:key:z6Mk[1-9A-HJ-NP-Za-km-z]{44}$/.test(did), `${did} is no did:key of Ed25519`);
  const b = base58(did.slice('did:key:z'.length), 34);
  need(b[0] === 0xed && b[1] === 0x01, `${did} is no did:key of Ed25519`);
  key = b.slice(2);
  checkKey(key, did);
  if (known.size >= 65536) {
    known.clear();
  }
  known.set(did, key);
  return key;
}

// didOf writes a public key as a did:key.
export const didOf = (key) => 'did:key:z' + toBase58(Uint8Array.of(0xed, 0x01, ...key));

const imported = new Map(); // 32 bytes as text to the promise of a key

// signed says whether a signature is that of a key, which was checked, over a message.
export async function signed(key, message, signature) {
  if (signature.length !== 64 || big(reversed(signature.subarray(32))) >= L) {
    return false;
  }
  const name = String.fromCharCode(...key);
  let usable = imported.get(name);
  if (!usable) {
    if (imported.size >= 65536) {
      imported.clear();
    }
    usable = crypto.subtle.importKey('raw', key, 'Ed25519', false, ['verify']);
    imported.set(name, usable);
  }
  return crypto.subtle.verify('Ed25519', await usable, signature, message);
}

// missing says why this browser cannot check signatures; empty where it can.
export async function missing() {
  if (!globalThis.crypto?.subtle) {
    return 'This page was loaded over plain http: browsers offer no cryptography there, unless the host is localhost.';
  }
  try {
    await crypto.subtle.importKey('raw', publicKey('did:key:z6Mkon3Necd6NkkyfoGoHxid2znGc59LU3K7mubaRcFbLfLX'), 'Ed25519', false, ['verify']);
  } catch (e) {
    if (e instanceof Wrong) {
      throw e;
    }
    return 'This browser does not know Ed25519: Chromium does from version 137 on, Firefox from 129, Safari from 17.';
  }
  return '';
}
