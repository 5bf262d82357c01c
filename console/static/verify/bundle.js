// Bundles that `permledger export -f bundle` wrote: format.md, 14, checked as section 10 says.
import {Unjudged, Wrong, base64url, cid, concat, equal, hex, need, text, toBase64url, utf8} from './bytes.js';
import {canonical, parse, parseDocument} from './canonical.js';
import {Broken} from './chain.js';
import {checkDocument, readDocument} from './credential.js';
import {parsePolicy, readCheckpoint, readProof} from './note.js';
import {blaming} from './run.js';
import {sha256} from './sha256.js';
import {checkInclusion, leafHash, pathOf, tilesOf} from './tree.js';
import {openZip} from './zip.js';

const required = ['README.txt', 'manifest.json', 'checkpoint', 'SHA256SUMS'];

// verifyBundle verifies a bundle, a Blob, in a Run.
export async function verifyBundle(run, blob) {
  const zip = await openZip(blob);
  for (const path of required) {
    missing(path, !zip.find(path));
  }
  const read = (f) => blaming('form', f.path, () => zip.read(f));
  const manifest = await blaming('form', 'manifest.json', async () => readManifest(await zip.read(zip.find('manifest.json'))));
  const checkpoint = await read(zip.find('checkpoint'));
  const claimed = zip.find('policy');
  const policy = claimed && await blaming('form', 'policy', async () => parsePolicy(await zip.read(claimed)));
  const b = {run, zip, read, manifest, checkpoint, policy, commitments: await commitments(zip, read, manifest.question.texts)};
  await (manifest.question.kind === 'all' ? wholeLedger(b) : someEntries(b));
  const did = zip.find('did.json');
  if (did && text(await read(did)) !== canonical(run.didDocument)) {
    throw new Broken('issuer', {file: 'did.json', expected: 'the DID document that the events give', found: 'another'});
  }
  for (const [commitment, file] of b.commitments) {
    throw new Broken('text', {file, expected: 'a text that an entry commits to', found: `one with the commitment ${commitment}`});
  }
  await documents(b);
  await sums(zip, read);
  run.bundle = true;
}

function missing(file, is, message = 'it is missing, or not as wide as the manifest implies') {
  if (is) {
    throw new Broken('form', {file, message});
  }
}

function readManifest(b) {
  const m = parse(b), {question: q} = m;
  const only = (v, ...names) => need(v && Object.keys(v).every((n) => names.includes(n)), 'it has an unknown member');
  only(m, 'checkpointSize', 'format', 'origin', 'position', 'question');
  only(q, 'id', 'kind', 'texts');
  if (m.format !== 'permledger-bundle/1') {
    throw new Unjudged(`the format ${m.format} is of a later release`);
  }
  need(['all', 'role', 'subject'].includes(q.kind), 'the question is about something else');
  need((q.kind === 'all') === (q.id === undefined) && [undefined, 'reasons', 'personal'].includes(q.texts), 'the question is not in its form');
  need(m.position >= 1 && m.checkpointSize >= m.position, `position ${m.position} under a checkpoint of ${m.checkpointSize} entries`);
  return m;
}

// wholeLedger verifies a bundle that has every entry up to a position.
async function wholeLedger(b) {
  const {run, zip, read, manifest: {position, checkpointSize}} = b;
  const entries = zip.of('entries'), tiles = zip.of('tile'), all = [...tilesOf(checkpointSize)];
  const expected = Array.from({length: Math.ceil(position / 256)}, (_, index) => ({level: 'entries', index, width: Math.min(256, position - 256 * index)}));
  for (const [want, have] of [[expected, entries], [all, tiles]]) {
    for (let i = 0; i < Math.max(want.length, have.length); i++) {
      const path = want[i] && pathOf(want[i]);
      missing(path ?? have[i].path, have[i]?.path !== path || have[i].place.kind === 'tile' && have[i].size !== have[i].place.limit);
    }
  }
  missing('entries', zip.of('entry').length > 0, 'a bundle of a whole ledger has no such files');
  async function* raws() {
    for (const f of entries) {
      for (const raw of records(await read(f), f)) {
        yield {raw};
      }
    }
  }
  await inFile(() => run.all(raws(), {taken: ({raw}) => committed(b, raw)}), (at) => entries[Math.floor((at - 1) / 256)]?.path);
  await judged(b, async ({size}) => {
    missing('checkpoint', size !== checkpointSize, `it is of ${size} entries, and the manifest says ${checkpointSize}`);
    let held, hashes;
    for (let at = position; at < size; at++) { // of what lies behind the position only hashes are here
      const f = tiles[Math.floor(at / 256)]; // tiles of level 0 stand first
      hashes = f === held ? hashes : await read(held = f);
      run.tree.append(hashes.slice(at % 256 * 32, at % 256 * 32 + 32));
    }
    for (let i = 0; i < tiles.length; i++) {
      const have = await read(tiles[i]), want = run.tree.tile(all[i]);
      if (!equal(have, want)) {
        const n = Math.floor(have.findIndex((v, j) => v !== want[j]) / 32);
        throw new Broken('tile', {file: `${tiles[i].path}[${n}]`, expected: hex(want.subarray(32 * n, 32 * n + 32)), found: hex(have.subarray(32 * n, 32 * n + 32))});
      }
    }
    return run.tree.root(size);
  });
}

// someEntries verifies a bundle of the entries about one role or subject, each under its own proof.
async function someEntries(b) {
  const {run, zip, read, manifest: {position, question}, checkpoint} = b;
  const files = zip.of('entry'), c = await blaming('checkpoint', 'checkpoint', () => readCheckpoint(checkpoint));
  missing('entries/1', files[0]?.path !== 'entries/1');
  missing('tile', zip.of('entries').length + zip.of('tile').length > 0, 'a bundle of some entries has no such files');
  for (let i = 0; i < files.length; i += 2) {
    const {a, b: proof} = files[i].place, next = files[i + 1]?.place;
    missing(files[i].path, proof !== 0 || a > position, 'it has no place in this bundle');
    missing(`entries/${a}.tlog-proof`, next?.a !== a || next.b !== 1);
  }
  async function* items() {
    for (let i = 0; i < files.length; i += 2) {
      yield {raw: await read(files[i]), position: files[i].place.a, proof: await read(files[i + 1])};
    }
  }
  const look = ({x, position, proof}) => blaming('proof', `entries/${position}.tlog-proof`, () => {
    const p = readProof(proof);
    need(equal(p.checkpoint, checkpoint), 'it is under another checkpoint than the one of the bundle');
    need(p.index + 1 === position, `it is of entry ${p.index + 1}`);
    checkInclusion(p.hashes, c.size, c.root, p.index, x.leaf);
  });
  await inFile(() => run.all(items(), {look, taken: ({raw}) => committed(b, raw)}), (at) => `entries/${at}`);
  run.extract = {kind: question.kind, id: question.id, entries: files.length / 2, asOf: position};
  await judged(b, () => c.root);
}

// judged holds the manifest and the checkpoint against the entries.
async function judged({run, manifest, checkpoint, policy}, rootAt) {
  if (manifest.origin !== run.source) {
    throw new Broken('manifest', {file: 'manifest.json', expected: `the origin ${run.source}`, found: manifest.origin});
  }
  await run.judgeCheckpoint(checkpoint, 'checkpoint', async (c) => {
    if (c.size !== manifest.checkpointSize) {
      throw new Broken('manifest', {file: 'manifest.json', expected: `a checkpoint of ${c.size} entries`, found: String(manifest.checkpointSize)});
    }
    return rootAt(c);
  }, policy);
}

// inFile names the file of an entry that does not hold.
async function inFile(work, fileOf) {
  try {
    await work();
  } catch (e) {
    if (e instanceof Broken && e.position) {
      e.file ??= fileOf(e.position);
    }
    throw e;
  }
}

// records cuts a bundle of entries of tlog-tiles, of which it must be just so many.
function records(b, {path, place: {tile: {width}}}) {
  const all = [];
  let at = 0;
  for (; at + 2 <= b.length && all.length < width; ) {
    const size = b[at] << 8 | b[at + 1];
    missing(path, size === 0 || at + 2 + size > b.length, `entry ${all.length + 1} of it is empty or cut off`);
    all.push(b.slice(at + 2, at + 2 + size));
    at += 2 + size;
  }
  missing(path, at !== b.length || all.length !== width, `it has not just ${width} entries`);
  return all;
}

// commitments gives the commitments of the private texts that are here, with their files.
async function commitments(zip, read, asked) {
  const all = new Map(), files = zip.of('texts');
  missing('texts', files.length > 0 && !asked, 'the manifest says that no texts were asked for');
  let last = '';
  for (const [i, f] of files.entries()) {
    const b = await read(f);
    await blaming('form', f.path, () => {
      const lines = text(b).split('\n');
      need(f.place.a === i && lines.pop() === '', 'the file before it is missing, or its last line is cut off');
      need(lines.length === 1024 || i === files.length - 1 && lines.length > 0 && lines.length < 1024, 'it has too few or too many lines');
      for (const line of lines) {
        const raw = utf8(line), t = parseDocument(raw), salt = typeof t?.salt === 'string' ? base64url(t.salt) : [];
        need(raw.length <= 65536 && salt.length === 32 && typeof t.text === 'string' && canonical({salt: t.salt, text: t.text}) === line, 'a line is no text with its salt');
        const digest = sha256(utf8('permledger commitment/1\n'), salt, utf8(t.text)), order = hex(digest);
        need(order > last, 'its texts are out of order, or one stands there twice');
        last = order;
        all.set(toBase64url(digest), f.path);
      }
    });
  }
  return all;
}

// committed crosses off the texts that an entry commits to.
function committed({run, commitments}, raw) {
  if (commitments.size === 0) {
    return;
  }
  for (const [, digest] of text(raw).matchAll(/"([A-Za-z0-9_-]{43})"/g)) {
    if (commitments.delete(digest)) {
      run.texts++;
    }
  }
}

// documents demands that each is one that an entry carries, signed with the key that this names; of a whole ledger, that none is
// missing. That it says what the entries give, only the rules can tell.
async function documents({run, zip, read, manifest}) {
  const missingOnes = new Map(run.carried);
  for (const f of zip.of('document')) {
    const b = await read(f), by = run.carried.get(f.place.name);
    await blaming('document', f.path, async () => {
      need(cid(sha256(b)) === f.place.name, 'its bytes have another CID');
      need(by, 'no entry here carries it');
      await checkDocument(readDocument(b), by.key);
    });
    missingOnes.delete(f.place.name);
    run.documents++;
  }
  if (manifest.question.kind === 'all') {
    for (const [name, {position}] of missingOnes) {
      throw new Broken('document', {file: `documents/${name}.json`, position, expected: 'the document of this entry', found: 'none'});
    }
  }
}

// sums makes the list of sums again. It covers what proves nothing: the readme, the schemas, the program.
async function sums(zip, read) {
  const lines = [];
  for (const f of zip.files) {
    if (f.path !== 'SHA256SUMS') {
      lines.push(utf8(`${hex(new Uint8Array(await crypto.subtle.digest('SHA-256', await read(f))))}  ${f.path}\n`));
    }
  }
  const have = text(await read(zip.find('SHA256SUMS'))), want = text(concat(...lines));
  if (have !== want) {
    const [lacks, path] = want.split('\n').map((line, i) => [line !== have.split('\n')[i], line.slice(66)]).find(([lacks]) => lacks) ?? [];
    throw new Broken('sum', {file: path || 'SHA256SUMS', message: lacks ? 'its SHA-256 is not the one in SHA256SUMS' : 'SHA256SUMS lists more than there is'});
  }
}
