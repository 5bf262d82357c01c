// One verification: the entries in order, what they say of keys, documents and texts, and the checkpoint over them.
import {Unjudged, Wrong, equal, hex} from './bytes.js';
import {Broken, Verifier, inspect} from './chain.js';
import {judge, readCheckpoint, signersOf} from './note.js';

// pending is how many entries are looked at before the first of them is judged: so many signatures are checked at once.
const pending = 256;

// busy is for how many milliseconds the page may stand still.
const busy = 12;

// pause lets the page do what waits, and paint: a message is a task like any other, where a timer is put off in a page that nobody looks at.
const pause = () => new Promise((resume) => {
  const {port1, port2} = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    resume();
  };
  port2.postMessage(0);
});

// Run is a verification under way, and what it found: its public members are the report, those with # are its means.
//
// Options, all of them optional: trust, a policy as note.js reads it; known, a list of {position, cid} that the reader has from elsewhere, or with shown from the page; kept,
// {origin, size, root} of a checkpoint that was verified before, root in hex; newest, which says that the entries are to be no fewer than
// those; progress, called with the position now and then; signal, an AbortSignal.
export class Run {
  ok = false;
  source = undefined;
  position = 0; // of the last entry that holds
  head = undefined; // its CID
  root = undefined; // of the tree of all entries that hold, in hex
  signed = 0; // entries with their author's own signature
  byNode = 0; // entries of the ledger's own actor
  documents = 0; // documents that hold
  bundle = false; // other files came with the entries
  texts = 0; // private texts that entries commit to
  checkpoint = undefined;
  document = undefined; // {cid, key, issuer, subject, position} of a signed document that was verified by itself
  extract = undefined; // {kind, id, entries, asOf} where only the entries about a role or subject are here
  suspects = []; // {key, from, positions} of keys that were reported as known to others
  knew = []; // those that the reader knows and that are here
  missed = []; // those that the reader knows and that are not here
  continues = false; // it begins with what was verified before
  broken = undefined; // the Broken that ended it
  carried = new Map(); // CIDs of documents that entries carry: {position, key}
  #verifier = new Verifier();
  #options;
  #signers = new Map(); // key to the positions that it signed
  #reported = new Map(); // key to the first position in doubt
  #told = 0;

  constructor(options = {}) {
    this.#options = options;
  }

  get checkpointKeys() {
    return this.#verifier.checkpointKeys;
  }

  // didDocument is the DID document that the entries give.
  get didDocument() {
    return this.#verifier.documentKeys.document(this.source);
  }

  get tree() {
    return this.#verifier.tree;
  }

  // all takes in items: {raw, position, ...}, where a position is there only where entries are left out. Each is handed to look
  // before and to taken after it was judged.
  async all(items, {look, taken} = {}) {
    const queue = [];
    let since = performance.now();
    const breathe = async () => {
      if (performance.now() - since > busy) {
        this.#options.progress?.(this.position);
        await pause();
        since = performance.now();
      }
    };
    const judgeFirst = async () => {
      const item = queue.shift();
      this.#options.signal?.throwIfAborted();
      if (item.position !== undefined) {
        await look(item);
        this.#verifier.skip(item.position);
      }
      await this.#verifier.next(item.x);
      this.#take(item.x);
      taken?.(item);
      await breathe();
    };
    for await (const item of items) {
      queue.push({...item, x: inspect(item.raw)});
      await breathe();
      if (queue.length >= pending) {
        await judgeFirst();
      }
    }
    while (queue.length > 0) {
      await judgeFirst();
    }
    this.#end();
  }

  #take(x) {
    const {entry} = x, e = entry.event, c = e.data.command, v = this.#verifier;
    this.position = v.position;
    this.head = v.head;
    this.source = v.source;
    if (entry.evidence) {
      this.signed++;
    } else {
      this.byNode++;
    }
    for (const key of [entry.signatures[0].key, entry.evidence?.key, entry.document?.key]) {
      if (key) {
        const positions = this.#signers.get(key);
        positions ? positions.push(v.position) : this.#signers.set(key, [v.position]);
      }
    }
    if (entry.document) {
      this.carried.set(entry.document.cid, {position: v.position, key: entry.document.key});
    }
    if (e.type === 'key.reported') {
      this.#reported.set(c.key, Math.min(Number.isSafeInteger(c.from) ? c.from : 1, this.#reported.get(c.key) ?? Infinity));
    }
    const {known = [], kept} = this.#options;
    for (const k of known) {
      if (k.position === v.position) {
        if (k.cid !== v.head) {
          throw new Broken('head', {position: v.position, expected: `the entry that you know, ${k.cid}`, found: v.head, raw: x.raw});
        }
        this.knew.push(k);
      }
    }
    if (kept?.origin === v.source && kept.size === v.position && v.tree.size === v.position) {
      this.#continues(kept, v.tree.root());
    }
  }

  #continues(kept, root) {
    if (kept.root !== hex(root)) {
      throw new Broken('head', {position: kept.size, expected: `the history that this browser verified before, root ${kept.root} of ${kept.size} entries`, found: `root ${hex(root)}`});
    }
    this.continues = true;
  }

  #end() {
    const v = this.#verifier, {known = [], kept} = this.#options;
    if (this.position === 0) {
      throw new Broken('form', {message: 'there is no entry'});
    }
    this.#suspected();
    if (v.tree.size !== this.position) { // some are not here
      return;
    }
    this.root = hex(v.tree.root());
    for (const {position} of known) {
      if (position > this.position) {
        throw new Broken('head', {position: this.position + 1, expected: `a history up to entry ${position}, which you know`, found: `its end at ${this.position}`});
      }
    }
    if (kept?.origin === this.source && kept.size > this.position && this.#options.newest) {
      throw new Broken('head', {position: this.position + 1, expected: `${kept.size} entries, as this browser verified before`, found: `${this.position}`});
    }
  }

  #suspected() {
    for (const [key, from] of this.#reported) {
      const positions = (this.#signers.get(key) ?? []).filter((p) => p >= from);
      if (positions.length > 0) {
        this.suspects.push({key, from, positions});
      }
    }
  }

  // judgeCheckpoint holds a checkpoint against the entries: rootAt gives the root of the tree of a size. policy is the one that came
  // with it, which is believed in nothing but names.
  async judgeCheckpoint(b, file, rootAt, policy) {
    const differs = (check, expected, found) => new Broken(check, {file, expected, found});
    const c = await blaming('checkpoint', file, () => readCheckpoint(b));
    if (c.origin !== this.source) {
      throw differs('checkpoint', `one of ${this.source}`, `one of ${c.origin}`);
    }
    const root = await rootAt(c);
    if (!equal(root, c.root)) {
      throw differs('checkpoint', `the root of the first ${c.size} entries, ${hex(root)}`, hex(c.root));
    }
    const own = this.checkpointKeys.at(c.size);
    const keys = await blaming('signer', file, () => signersOf(c.note, c.origin, own));
    if (keys.length === 0) {
      throw new Broken('signer', {file, message: own.length > 0 ? `none of the keys signed it that the entries name: ${own.join(', ')}` : 'the entries name no key that may sign a checkpoint of this size'});
    }
    const trust = this.#options.trust, by = trust ?? policy;
    const found = {size: c.size, root: hex(c.root), keys, trusted: false, witnesses: [], claimed: !trust && policy !== undefined, unknown: []};
    if (by) {
      const verdict = await blaming('trust', file, () => judge(c, by));
      if (!verdict.by) {
        throw new Broken('trust', {file, expected: trust ? 'a signature of the log that you trust' : 'a signature of the log that the policy beside it names', found: `those of ${keys.join(' and ')}`});
      }
      if (trust && !verdict.quorum) {
        throw new Broken('trust', {file, message: `too few witnesses have cosigned it: ${verdict.witnesses.map((w) => w.name).join(', ') || 'none'} of those that your policy asks for`});
      }
      found.witnesses = verdict.witnesses;
      found.trusted = trust !== undefined;
    } else {
      found.unknown = [...new Set(c.note.signatures.map((s) => s.name).filter((n) => n !== c.origin))];
    }
    this.checkpoint = found;
    const {kept} = this.#options;
    if (kept?.origin === c.origin && kept.size === c.size && !this.continues) {
      this.#continues(kept, c.root);
    }
  }

  // finish ends a verification with what work throws, or without.
  async finish(work) {
    try {
      await work();
      const {trust, known = []} = this.#options;
      if (trust && !this.checkpoint) {
        throw new Broken('trust', {file: 'checkpoint', message: 'there is no checkpoint here that those whom you trust could have signed'});
      }
      this.missed = known.filter((k) => !this.knew.includes(k));
      this.ok = true;
    } catch (e) {
      if (e instanceof RangeError) { // no stack is deep enough for it
        e = new Wrong('it is nested too deeply');
      }
      this.broken = e instanceof Wrong ? new Broken('form', {file: e.file, message: e.message, unjudged: e instanceof Unjudged}) : e;
      if (!(this.broken instanceof Broken)) {
        throw e;
      }
    }
    return this;
  }
}

// blaming says of what does not hold by which check and in which file.
export async function blaming(check, file, work) {
  try {
    return await work();
  } catch (e) {
    throw e instanceof Wrong ? new Broken(check, {file, message: e.message, unjudged: e instanceof Unjudged}) : e;
  }
}
