// The chain of entries: format.md, 7 and 10 (Integrity). An entry is looked at in two steps: inspect takes it alone, and begins
// with its signatures, so that many are checked at once; Verifier.next takes them in order, and names the first check that
// does not hold, as the page lists them.
import {Unjudged, Wrong, base64url, cid, equal, need} from './bytes.js';
import {checkEvidence, entrySigned, readEntry} from './entry.js';
import {CheckpointKeys, DocumentKeys, Signers} from './keys.js';
import {sha256} from './sha256.js';
import {instant} from './time.js';
import {Tree, leafHash} from './tree.js';

// Broken says where and by which check evidence does not hold. Expected and found are there where two things differ; raw has the
// bytes of the entry, cid their CID. unjudged says that it could not be judged here, so that nobody calls it broken.
export class Broken extends Error {
  constructor(check, {position, file, message, expected, found, raw, cid, unjudged = false}) {
    super(message ?? `expected ${expected}, found ${found}`);
    Object.assign(this, {check, position, file, expected, found, raw, cid, unjudged});
  }
}

// inspect looks at an entry alone. The promises in what it gives do not fail: they give why something does not hold, or nothing.
export function inspect(raw) {
  const x = {raw, cid: cid(sha256(raw)), leaf: leafHash(raw)};
  try {
    x.entry = readEntry(raw);
  } catch (e) {
    x.form = wrong(e);
    return x;
  }
  const {key} = x.entry.signatures[0];
  x.signature = entrySigned(raw, x.entry.signatures[0]).then((ok) => ok ? undefined : new Wrong(`${key} did not sign this event`));
  x.evidence = checkEvidence(x.entry).then(() => undefined, wrong);
  return x;
}

// wrong gives what says that something does not hold; everything else is an error of this program.
function wrong(e) {
  if (e instanceof Wrong) {
    return e;
  }
  throw e;
}

// Verifier checks the entries of one ledger in order.
export class Verifier {
  position = 0;
  head = undefined; // the CID of the last entry
  source = undefined;
  time = -Infinity; // of the last entry
  tree = new Tree(); // of the entries so far; of no use once some were left out
  checkpointKeys = new CheckpointKeys();
  documentKeys = new DocumentKeys();
  #signers = new Signers();
  #gap = false;

  // skip says that the entries up to a position are not here. The first one has to be.
  skip(position) {
    if (position <= this.position || this.position === 0 && position > 1) {
      throw new Broken('position', {position, expected: `a position from ${this.position + 1} on`, found: String(position)});
    }
    this.#gap ||= position > this.position + 1;
    this.position = position - 1;
  }

  // next takes in what inspect gave of the next entry. Where it throws a Broken, nothing is taken in.
  async next(x) {
    const position = this.position + 1;
    const broken = (check, e) => new Broken(check, {position, message: e.message, unjudged: e instanceof Unjudged, raw: x.raw, cid: x.cid});
    const differs = (check, expected, found) => new Broken(check, {position, expected, found, raw: x.raw, cid: x.cid});
    if (x.form) {
      throw broken('form', x.form);
    }
    const {entry} = x, e = entry.event, at = instant(e.time);
    if (e.sequence !== String(position)) {
      throw differs('position', `entry ${position}`, `entry ${e.sequence}`);
    }
    if (!this.#gap && e.prev !== this.head) {
      throw differs('link', this.head ?? 'no link', e.prev ?? 'no link');
    }
    if (this.source !== undefined && e.source !== this.source) {
      throw differs('source', this.source, e.source);
    }
    if (at < this.time) {
      throw differs('time', `a time from ${new Date(this.time).toISOString()} on`, e.time);
    }
    let problem = await x.signature;
    if (problem) {
      throw broken('signature', problem);
    }
    const {key} = entry.signatures[0], {method, credential} = e.data.auth;
    if (method === 'node' && credential !== key) {
      throw differs('key', `the key that signs, ${key}`, credential);
    }
    if ((problem = await x.evidence)) {
      throw broken('evidence', problem);
    }
    if (!this.#signers.may(entry)) {
      throw broken('key', new Wrong(`${key} may not sign at this position`));
    }
    const seen = entry.evidence?.seen;
    if (seen && this.tree.size === this.position) {
      try {
        need(seen.size < position && equal(this.tree.root(seen.size), base64url(seen.root)), 'its author had seen another history');
      } catch (e) {
        throw broken('evidence', wrong(e));
      }
    }
    this.#signers.note(e);
    this.checkpointKeys.note(e);
    this.documentKeys.note(e);
    if (this.tree.size === this.position) {
      this.tree.append(x.leaf);
    }
    Object.assign(this, {position, head: x.cid, source: e.source, time: at});
    this.#gap = false;
  }
}
