// The Merkle tree of RFC 6962, section 2.1, and its tiles (C2SP tlog-tiles): format.md, 8.
import {concat, equal, need} from './bytes.js';
import {sha256} from './sha256.js';

const zero = Uint8Array.of(0), one = Uint8Array.of(1);

export const leafHash = (entry) => sha256(zero, entry);
const node = (left, right) => sha256(one, left, right);

// Tree keeps the hash of each perfect subtree of a log that grows, level by level: 64 bytes an entry.
export class Tree {
  size = 0;
  #levels = [];

  append(leaf) {
    let h = leaf;
    for (let level = 0, n = this.size++; ; level++, n = Math.floor(n / 2)) {
      const at = 32 * n;
      let room = this.#levels[level] ??= new Uint8Array(32 * 256);
      if (at === room.length) {
        this.#levels[level] = concat(room, new Uint8Array(at));
        room = this.#levels[level];
      }
      room.set(h, at);
      if (n % 2 === 0) {
        return;
      }
      h = node(room.subarray(at - 32, at), h);
    }
  }

  #hash(level, n) {
    return this.#levels[level].subarray(32 * n, 32 * n + 32);
  }

  // root gives the root of the tree of the first so many entries.
  root(size = this.size) {
    let root;
    for (let level = 0, n = size; n > 0; level++, n = Math.floor(n / 2)) {
      if (n % 2) {
        const h = this.#hash(level, n - 1);
        root = root ? node(h, root) : h.slice();
      }
    }
    return root ?? sha256();
  }

  // tile gives the hashes of a tile.
  tile({level, index, width}) {
    return this.#levels[8 * level].subarray(32 * 256 * index, 32 * (256 * index + width));
  }
}

// tilesOf lists every tile of a tree of a size, the lowest level first.
export function* tilesOf(size) {
  for (let level = 0, have = size; have > 0; level++, have = Math.floor(have / 256)) {
    for (let index = 0; 256 * index < have; index++) {
      yield {level, index, width: Math.min(256, have - 256 * index)};
    }
  }
}

// pathOf gives a tile's path; of entries, where level is 'entries'.
export function pathOf({level, index, width}) {
  let groups = String(index % 1000).padStart(3, '0');
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    groups = `x${String(rest % 1000).padStart(3, '0')}/${groups}`;
  }
  return `tile/${level}/${groups}${width === 256 ? '' : `.p/${width}`}`;
}

// checkInclusion demands that hashes lead from a leaf to the root: RFC 9162, section 2.1.3.2.
export function checkInclusion(hashes, size, root, index, leaf) {
  need(index < size, `there is no entry ${index + 1} in a tree of ${size}`);
  let fn = index, sn = size - 1, h = leaf;
  const half = (n) => Math.floor(n / 2);
  for (const p of hashes) {
    need(sn > 0, 'the proof is too long');
    if (fn % 2 || fn === sn) {
      h = node(p, h);
      while (fn && fn % 2 === 0) {
        fn = half(fn), sn = half(sn);
      }
    } else {
      h = node(h, p);
    }
    fn = half(fn), sn = half(sn);
  }
  need(sn === 0 && equal(h, root), 'the proof does not lead to the root of the checkpoint');
}
