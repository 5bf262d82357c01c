// Keccak-256: SHA3-256 with the padding that it had before it was a standard. Ethereum's hash.

// The lanes of 64 bits are kept as two of 32: low in s[2i], high in s[2i+1].
const rounds = [], offsets = [], places = [];
for (let t = 0, x = 1, y = 0; t < 24; t++) { // rho and pi
  [x, y] = [y, (2 * x + 3 * y) % 5];
  places.push(x + 5 * y);
  offsets.push((t + 1) * (t + 2) / 2 % 64);
}
for (let round = 0, register = 1; round < 24; round++) { // iota: FIPS 202, section 3.2.5
  const constant = [0, 0];
  for (let j = 0; j < 7; j++) {
    if (register & 1) {
      const bit = (1 << j) - 1;
      constant[bit >> 5] |= 1 << (bit & 31);
    }
    register = register << 1 ^ (register & 0x80 ? 0x171 : 0);
  }
  rounds.push(constant);
}

const s = new Int32Array(50), c = new Int32Array(10), row = new Int32Array(10);

function permute() {
  for (const [low, high] of rounds) {
    for (let x = 0; x < 10; x++) {
      c[x] = s[x] ^ s[x + 10] ^ s[x + 20] ^ s[x + 30] ^ s[x + 40];
    }
    for (let x = 0; x < 5; x++) {
      const l = c[(2 * x + 2) % 10], h = c[(2 * x + 3) % 10];
      const dl = c[(2 * x + 8) % 10] ^ (l << 1 | h >>> 31), dh = c[(2 * x + 9) % 10] ^ (h << 1 | l >>> 31);
      for (let y = 2 * x; y < 50; y += 10) {
        s[y] ^= dl;
        s[y + 1] ^= dh;
      }
    }
    // Position (x, y) goes to (y, 2x + 3y), turned left.
    let l = s[2], h = s[3];
    for (let t = 0; t < 24; t++) {
      const to = 2 * places[t], by = offsets[t] & 31;
      if (offsets[t] >= 32) {
        [l, h] = [h, l];
      }
      const tl = by ? l << by | h >>> 32 - by : l, th = by ? h << by | l >>> 32 - by : h;
      l = s[to];
      h = s[to + 1];
      s[to] = tl;
      s[to + 1] = th;
    }
    for (let y = 0; y < 50; y += 10) {
      for (let i = 0; i < 10; i++) {
        row[i] = s[y + i];
      }
      for (let i = 0; i < 10; i++) {
        s[y + i] = row[i] ^ ~row[(i + 2) % 10] & row[(i + 4) % 10];
      }
    }
    s[0] ^= low;
    s[1] ^= high;
  }
}

const rate = 136;

export function keccak(b) {
  const whole = new Uint8Array(Math.ceil((b.length + 1) / rate) * rate);
  whole.set(b);
  whole[b.length] = 0x01;
  whole[whole.length - 1] |= 0x80;
  const words = new DataView(whole.buffer);
  s.fill(0);
  for (let at = 0; at < whole.length; at += rate) {
    for (let i = 0; i < rate / 4; i++) {
      s[i] ^= words.getInt32(at + 4 * i, true);
    }
    permute();
  }
  const sum = new Uint8Array(32);
  for (let i = 0; i < 32; i++) {
    sum[i] = s[i >> 2] >>> 8 * (i & 3);
  }
  return sum;
}
