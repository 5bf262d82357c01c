// Verifies a ledger in the browser, from its exact bytes and with nothing but what the browser has: hashes, links, signatures, the
// history of the keys, the tree and its checkpoint, as docs/format.md says in section 10. It does not ask the rules again whether
// what happened was permitted, nor whether documents say what the entries give: `permledger verify` does.
//
// verifyServer and verifyFile give a Run (verify/run.js), whose members say what was found, whether it holds, and where it does not;
// wordsOf puts that into sentences. They throw only where something could not be read. See Run for their options.
import {Wrong, cid, need, utf8} from './verify/bytes.js';
import {Broken} from './verify/chain.js';
import {verifyBundle} from './verify/bundle.js';
import {checkDocument, readDocument} from './verify/credential.js';
import {sha256} from './verify/sha256.js';
import {Run, blaming} from './verify/run.js';

export {missing} from './verify/ed25519.js';
export {parseTrust} from './verify/note.js';
export {wordsOf} from './verify/words.js';

// parseCitation finds an entry that somebody wrote down: its position and CID, as in 41@bafkrei… or "event 41 (bafkrei…)".
export function parseCitation(s) {
  const [, position, cid] = /(?:^|[^\d])([1-9]\d{0,15})\s*[@(]\s*(bafkrei[a-z2-7]{52})(?![a-z0-9])/.exec(s) ?? [];
  need(cid, 'an event is written NUMBER@CID, as 41@bafkrei…, or as a citation has it');
  return {position: Number(position), cid};
}

async function get(path, signal) {
  const answer = await fetch(path, {signal, credentials: 'same-origin', cache: 'no-store'});
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    throw Object.assign(new Error(problem.detail ?? `${path}: ${answer.status} ${answer.statusText}`), {status: answer.status});
  }
  return answer;
}

// verifyServer verifies the entries that this server has of an organization, and its newest checkpoint.
export async function verifyServer(org, options = {}) {
  const run = new Run({...options, newest: true});
  return run.finish(() => served(run, org, options.signal));
}

async function served(run, org, signal) {
  const name = encodeURIComponent(org);
  // The checkpoint comes first: so there are no fewer entries than it is of.
  const note = await get(`/orgs/${name}/log/checkpoint`, signal).then(async (a) => new Uint8Array(await a.arrayBuffer()), (e) => {
    if (e.status !== 404) {
      throw e;
    }
  });
  const {body} = await get(`/v1/orgs/${name}/entries`, signal);
  await run.all(records(pieces(body)));
  if (note) {
    await judged(run, note);
  }
}

const judged = (run, note) => run.judgeCheckpoint(note, 'checkpoint', ({size}) => {
  if (size > run.position) {
    throw new Broken('checkpoint', {file: 'checkpoint', expected: `${size} entries, which the checkpoint is of`, found: String(run.position)});
  }
  return run.tree.root(size);
});

// verifyFile verifies a file, a Blob: a bundle (zip or JSON Lines), a segment of a journal, or a signed document. The last is looked
// for in the ledger of the organization options.org of this server, where one is given, and must have the CID options.cid, where one is.
export async function verifyFile(file, options = {}) {
  const run = new Run(options);
  return run.finish(async () => {
    const first = new Uint8Array(await file.slice(0, 12).arrayBuffer()), begins = (s) => utf8(s).every((v, i) => first[i] === v);
    if (begins('PK')) {
      await verifyBundle(run, file);
    } else if (begins('{"@context":')) {
      await verifyDocument(run, file, options);
    } else if (begins('{"')) {
      await run.all(lines(pieces(file.stream())));
    } else if (first[2] === 0x7b) { // behind the length of the first entry
      await run.all(records(pieces(file.stream())));
    } else {
      throw new Broken('form', {message: 'it is no bundle (zip or JSON Lines), no journal and no signed document; CAR files are for permledger verify', unjudged: true});
    }
  });
}

const maxDocument = 8 << 20;

async function verifyDocument(run, file, {org, cid: wanted, signal}) {
  await blaming('document', file.name, async () => {
    need(file.size <= maxDocument, 'it is larger than 8 MiB');
    const b = new Uint8Array(await file.arrayBuffer()), d = readDocument(b);
    await checkDocument(d);
    const found = {cid: cid(sha256(b)), key: d.key, issuer: d.issuer, subject: d.document.credentialSubject};
    need(!wanted || wanted === found.cid, `it is another document than the one that was asked for: ${found.cid}`);
    if (org) {
      await served(run, org, signal);
      const by = run.carried.get(found.cid);
      need(by, `no entry of ${run.source} names this file`);
      await checkDocument(d, by.key);
      found.position = by.position;
    }
    run.document = found;
  });
}

// pieces gives the bytes of a stream, and ends it where nobody wants more.
async function* pieces(stream) {
  const reader = stream.getReader();
  try {
    for (;;) {
      const {value, done} = await reader.read();
      if (done) {
        return;
      }
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {}); // it may have ended by itself
  }
}

// Gathered holds the bytes that have come and are not yet read.
class Gathered {
  #room = new Uint8Array(1 << 17);
  #from = 0;
  #to = 0;

  get length() {
    return this.#to - this.#from;
  }

  add(b) {
    if (this.#to + b.length > this.#room.length) {
      const rest = this.#room.subarray(this.#from, this.#to);
      const room = rest.length + b.length <= this.#room.length ? this.#room : new Uint8Array(2 * (rest.length + b.length));
      room.set(rest);
      [this.#room, this.#from, this.#to] = [room, 0, rest.length];
    }
    this.#room.set(b, this.#to);
    this.#to += b.length;
  }

  at(i) {
    return this.#room[this.#from + i];
  }

  // indexOf gives where a byte stands from an index on, -1 where it does not.
  indexOf(value, from) {
    return this.#room.subarray(this.#from, this.#to).indexOf(value, from);
  }

  // take gives so many bytes, and passes over some behind them.
  take(n, more = 0) {
    const b = this.#room.slice(this.#from, this.#from + n);
    this.#from += n + more;
    return b;
  }
}

// records cuts the journal's form: each entry behind its length in two bytes. Zeros may follow the last: room for what comes.
async function* records(chunks) {
  const have = new Gathered();
  let n = 0, ended = false;
  for await (const b of chunks) {
    have.add(b);
    while (have.length >= 2) {
      const size = have.at(0) << 8 | have.at(1);
      ended ||= size === 0;
      if (ended) {
        need(have.take(have.length).every((v) => v === 0), `bytes follow the zeros behind entry ${n}`);
        break;
      }
      if (have.length < 2 + size) {
        break;
      }
      have.take(2);
      n++;
      yield {raw: have.take(size)};
    }
  }
  need(have.length === 0 || have.length === 1 && have.at(0) === 0, `entry ${n + 1} is cut off`);
}

const maxLine = 65535;

// lines cuts JSON Lines.
async function* lines(chunks) {
  const have = new Gathered();
  for await (const b of chunks) {
    let from = have.length;
    have.add(b);
    for (let at; (at = have.indexOf(0x0a, from)) >= 0; from = 0) {
      yield {raw: have.take(at, 1)};
    }
    need(have.length <= maxLine, 'a line is longer than an entry can be');
  }
  need(have.length === 0, 'the last line does not end');
}

export {Wrong, Broken};
