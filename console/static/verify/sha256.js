// SHA-256 (FIPS 180-4). WebCrypto's answers each time after a wait that is longer than the work, and a ledger takes three
// hashes an entry: one over the entry, one for its leaf, one for a node of the tree.

const primes = [];
for (let n = 2; primes.length < 64; n++) {
  if (primes.every((p) => n % p)) {
    primes.push(n);
  }
}
const fraction = (x) => (x - Math.floor(x)) * 2 ** 32 | 0;
const K = Int32Array.from(primes, (p) => fraction(Math.cbrt(p)));
const initial = Int32Array.from(primes.slice(0, 8), (p) => fraction(Math.sqrt(p)));

const w = new Int32Array(64);
const h = new Int32Array(8);
let room = new Uint8Array(1 << 17);

function block(b, at) {
  for (let i = 0; i < 16; i++, at += 4) {
    w[i] = b[at] << 24 | b[at + 1] << 16 | b[at + 2] << 8 | b[at + 3];
  }
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15], y = w[i - 2];
    w[i] = w[i - 16] + w[i - 7] + ((x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3) + ((y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10) | 0;
  }
  let [a, p, c, d, e, f, g, q] = h;
  for (let i = 0; i < 64; i++) {
    const t = q + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7)) + (e & f ^ ~e & g) + K[i] + w[i] | 0;
    const u = ((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) + (a & p ^ a & c ^ p & c) | 0;
    q = g; g = f; f = e; e = d + t | 0; d = c; c = p; p = a; a = t + u | 0;
  }
  h[0] += a; h[1] += p; h[2] += c; h[3] += d; h[4] += e; h[5] += f; h[6] += g; h[7] += q;
}

// sha256 gives the hash of the parts, one behind the other.
export function sha256(...parts) {
  let size = 0;
  for (const p of parts) {
    size += p.length;
  }
  const whole = size + 72 & ~63;
  if (room.length < whole) {
    room = new Uint8Array(2 * whole);
  }
  let at = 0;
  for (const p of parts) {
    room.set(p, at);
    at += p.length;
  }
  room.fill(0, at, whole);
  room[at] = 0x80;
  new DataView(room.buffer).setBigUint64(whole - 8, BigInt(size) * 8n);
  h.set(initial);
  for (let i = 0; i < whole; i += 64) {
    block(room, i);
  }
  const sum = new Uint8Array(32);
  for (let i = 0; i < 32; i++) {
    sum[i] = h[i >> 2] >>> 24 - 8 * (i & 3);
  }
  return sum;
}
