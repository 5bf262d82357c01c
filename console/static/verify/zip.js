// Zip bundles: format.md, 14.2. A bundle has one spelling, so nothing here is lenient: files are stored, lie one behind the other
// from the first byte on, in the one order, with the one set of paths; then comes the list of them and the end record.
// What is compressed is refused, and so no file is larger than the bytes that are there.
import {Unjudged, Wrong, concat, equal, need, text, utf8} from './bytes.js';
import {pathOf} from './tree.js';

const endSize = 22, centralSize = 46;
const maxFiles = 1 << 17, maxName = 96, maxSmall = 1 << 20;
const date1980 = 1 << 5 | 1;

const kinds = ['README.txt', 'manifest.json', 'checkpoint', 'policy', 'did.json', 'entries', 'entry', 'tile', 'document', 'texts', 'schema', 'verify.py', 'SHA256SUMS'];
const single = new Set(['README.txt', 'manifest.json', 'checkpoint', 'policy', 'did.json', 'verify.py', 'SHA256SUMS']);

const table = Int32Array.from({length: 256}, (_, n) => {
  for (let i = 0; i < 8; i++) {
    n = n & 1 ? n >>> 1 ^ 0xedb88320 : n >>> 1;
  }
  return n;
});

export function crc32(b) {
  let c = -1;
  for (const n of b) {
    c = table[(c ^ n) & 255] ^ c >>> 8;
  }
  return ~c >>> 0;
}

// placeOf says what a file is by its path, and how many bytes it may have; it refuses every other path.
function placeOf(path) {
  const place = (kind, limit, a = 0, b = 0, more = {}) => ({kind, order: kinds.indexOf(kind), limit, a, b, name: '', ...more});
  if (single.has(path)) {
    return place(path, path === 'SHA256SUMS' ? maxFiles * (67 + maxName) : maxSmall);
  }
  let m = /^tile\/(entries|[0-7])\/((?:x\d{3}\/)*\d{3})(?:\.p\/([1-9]\d{0,2}))?$/.exec(path);
  if (m) {
    const index = Number(m[2].replaceAll(/[x/]/g, '')), width = Number(m[3] ?? 256);
    const tile = {level: m[1] === 'entries' ? m[1] : Number(m[1]), index, width};
    need(pathOf(tile) === path && width <= 256, 'no file of a bundle has this path');
    return m[1] === 'entries' ? place('entries', width * 65537, index, 0, {tile}) : place('tile', width * 32, tile.level, index, {tile});
  }
  if ((m = /^entries\/([1-9]\d{0,15})(\.tlog-proof)?$/.exec(path)) && Number.isSafeInteger(Number(m[1]))) {
    return m[2] ? place('entry', maxSmall, Number(m[1]), 1) : place('entry', 65535, Number(m[1]));
  }
  if ((m = /^documents\/(bafkrei[a-z2-7]{51}[aeimquy4])\.json$/.exec(path))) {
    return place('document', 8 << 20, 0, 0, {name: m[1]});
  }
  if ((m = /^texts\/(0|[1-9]\d{0,9})\.jsonl$/.exec(path))) {
    return place('texts', 1024 * 65537, Number(m[1]));
  }
  if ((m = /^schemas\/([a-z0-9][a-z0-9.]*)\.json$/.exec(path)) && !`${m[1]}.`.includes('..')) {
    return place('schema', maxSmall, 0, 0, {name: m[1]});
  }
  throw new Wrong('no file of a bundle has this path');
}

const before = (p, q) => p.order - q.order || p.a - q.a || p.b - q.b || (p.name < q.name ? -1 : p.name > q.name ? 1 : 0);

// words writes numbers little-endian: each as [value, bytes].
function words(...fields) {
  const b = [];
  for (let [value, size] of fields) {
    for (; size > 0; size--, value = Math.floor(value / 256)) {
      b.push(value % 256);
    }
  }
  return Uint8Array.from(b);
}

const sizes = ({crc, size, name}) => [[crc, 4], [size, 4], [size, 4], [name.length, 2], [0, 2]];

// local and central write the two records of a file as a bundle has them.
const local = (f) => concat(words([0x04034b50, 4], [10, 2], [0, 2], [0, 2], [0, 2], [date1980, 2], ...sizes(f)), f.name);
const central = (f) => concat(words([0x02014b50, 4], [3 << 8 | 20, 2], [10, 2], [0, 2], [0, 2], [0, 2], [date1980, 2], ...sizes(f),
  [0, 2], [0, 2], [0, 2], [0o100644 * 65536, 4], [f.offset, 4]), f.name);
const ending = (files, size, offset) => words([0x06054b50, 4], [0, 4], [files, 2], [files, 2], [size, 4], [offset, 4], [0, 2]);

const piece = async (blob, from, to) => new Uint8Array(await blob.slice(from, to).arrayBuffer());

// Zip is a bundle whose list of files was read.
export class Zip {
  constructor(blob, files) {
    this.blob = blob;
    this.files = files; // in order: {path, place, offset, size, crc}
  }

  find(path) {
    return this.files.find((f) => f.path === path);
  }

  of(kind) {
    return this.files.filter((f) => f.place.kind === kind);
  }

  // read gives the bytes of a file, which fit the record before it and its checksum.
  async read(f) {
    const head = local({...f, name: utf8(f.path)});
    const b = await piece(this.blob, f.offset, f.offset + head.length + f.size);
    need(equal(b.subarray(0, head.length), head), 'what stands before it is not what the list of files says');
    const content = b.subarray(head.length);
    need(crc32(content) === f.crc, 'its bytes have changed: they do not fit the checksum of the zip file');
    return content;
  }
}

// openZip reads the list of files, and refuses what is not in the form of a bundle.
export async function openZip(blob) {
  if (blob.size >= 2 ** 32 - 1) {
    throw new Unjudged('it has 4 GiB or more, which this page does not read');
  }
  const end = await piece(blob, Math.max(0, blob.size - endSize), blob.size), view = new DataView(end.buffer);
  need(end.length === endSize && view.getUint32(0, true) === 0x06054b50, 'it is cut off, or something follows: it does not end with the end record of a zip file');
  const count = view.getUint16(10, true), size = view.getUint32(12, true), offset = view.getUint32(16, true);
  if (count === 0xffff) {
    throw new Unjudged('it has 65,535 files or more, which this page does not read');
  }
  need(equal(end, ending(count, size, offset)), 'the end record of the zip file is not as a bundle has it');
  need(offset + size === blob.size - endSize, 'the list of files does not end where the end record begins');
  need(size >= count * centralSize && size <= count * (centralSize + maxName), `a list of ${size} bytes for ${count} files`);
  const list = await piece(blob, offset, offset + size), have = new DataView(list.buffer), files = [];
  let at = 0, next = 0;
  for (let i = 0; i < count; i++) {
    need(at + centralSize <= list.length, 'the list of files ends early');
    const f = {crc: have.getUint32(at + 16, true), size: have.getUint32(at + 20, true), offset: next};
    const length = have.getUint16(at + 28, true);
    need(length <= maxName && at + centralSize + length <= list.length, 'the list of files ends early, or a path is too long');
    f.name = list.subarray(at + centralSize, at + centralSize + length);
    f.path = text(f.name);
    f.place = naming(f.path, () => placeOf(f.path));
    naming(f.path, () => {
      need(equal(central(f), list.subarray(at, at + centralSize + length)), 'its record in the list of files is not as a bundle has it: it may be compressed, encrypted or a link');
      need(i === 0 || before(files[i - 1].place, f.place) < 0, 'it stands there twice, or out of order');
      need(f.size <= f.place.limit, `${f.size} bytes; it has at most ${f.place.limit}`);
      next += local(f).length + f.size;
      need(next <= offset, 'it reaches into the list of files');
    });
    at += centralSize + length;
    files.push(f);
  }
  need(at === list.length, 'the list of files is longer than its files');
  need(next === offset, `${offset - next} bytes belong to no file`);
  return new Zip(blob, files);
}

// naming says of what does not hold in which file it stands.
function naming(path, f) {
  try {
    return f();
  } catch (e) {
    throw e instanceof Wrong ? Object.assign(e, {file: JSON.stringify(path).slice(1, -1)}) : e;
  }
}
