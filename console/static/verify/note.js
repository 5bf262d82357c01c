// What a log and its witnesses sign: https://c2sp.org/signed-note, tlog-checkpoint, tlog-cosignature, tlog-policy and tlog-proof, in the one
// spelling that format.md, 16, takes. Every reader here throws a Wrong.
import {Wrong, base64, big, concat, equal, hex, need, text, utf8} from './bytes.js';
import {checkKey, didOf, publicKey, signed} from './ed25519.js';
import {sha256} from './sha256.js';

const ofLog = 1, ofWitness = 4;
const maxSize = 1 << 20, maxSignatures = 100, maxLines = 1024;
const maxTime = 253402300799n; // the last second of the year 9999

const validName = (name) => /^[^\s\u0085+\0-\x1f]+$/u.test(name); // U+0085 is a space of Unicode, and none of JavaScript

// readNote reads a note: its text, and its signatures, of which it verifies none.
export function readNote(b) {
  need(b.length <= maxSize, 'the note is longer than 1 MiB');
  const s = text(b);
  need(!/[\0-\x09\x0b-\x1f]/.test(s), 'the note has a control character');
  const at = s.lastIndexOf('\n\n');
  need(at >= 0 && s.endsWith('\n') && at + 2 < s.length, 'the note has no empty line with signatures behind it');
  const lines = s.slice(at + 2, -1).split('\n');
  need(lines.length <= maxSignatures, 'the note has more than 100 signatures');
  return {text: s.slice(0, at + 1), signatures: lines.map(readSignature)};
}

function readSignature(line) {
  const fields = line.split(' ');
  need(fields.length === 3 && fields[0] === '\u2014' && validName(fields[1]), 'a line of the note is no signature');
  const b = base64(fields[2]);
  need(b.length >= 5, 'a signature of the note is empty');
  return {name: fields[1], id: hex(b.subarray(0, 4)), bytes: b.slice(4)};
}

// number reads a decimal number in its one spelling. A log of 2^53 entries is beyond this program, and everybody.
function number(s) {
  need(/^(0|[1-9][0-9]*)$/.test(s) && Number.isSafeInteger(Number(s)), `${s} is no number in its one spelling`);
  return Number(s);
}

function hashOf(s) {
  const b = base64(s);
  need(b.length === 32, 'a hash has 32 bytes');
  return b;
}

// readCheckpoint reads a note whose text is a checkpoint's.
export function readCheckpoint(b) {
  const note = readNote(b), [origin, size, root, ...rest] = note.text.split('\n');
  need(origin && root !== undefined, 'the checkpoint has not the three lines origin, size and root');
  need(rest.length === 1 && rest[0] === '', 'the checkpoint has lines behind its root');
  return {note, origin, size: number(size), root: hashOf(root)};
}

// logKey gives the key with which a log of that origin signs, of its 32 bytes.
export const logKey = (origin, key) => ({name: origin, kind: ofLog, key});

const idOf = (k) => hex(sha256(utf8(`${k.name}\n`), [k.kind], k.key).subarray(0, 4));

// verifyNote says when a key signed a note: 'at' in seconds since 1970 of a witness, 0 of a log; undefined where it has not. A
// signature in its name that does not verify makes the note worthless.
export async function verifyNote(note, k) {
  const id = idOf(k);
  let at;
  for (const s of note.signatures) {
    if (s.name !== k.name || s.id !== id) {
      continue;
    }
    let message = utf8(note.text), sig = s.bytes, time = 0n;
    if (k.kind === ofWitness) {
      time = big(sig.subarray(0, 8));
      message = concat(utf8(`cosignature/v1\ntime ${time}\n`), message);
      sig = sig.subarray(8);
    }
    need(time <= maxTime && await signed(k.key, message, sig), `a signature in the name of ${k.name} does not verify, so nothing of the checkpoint is to be believed`);
    at = Math.max(at ?? 0, Number(time));
  }
  return at;
}

// signersOf gives those of the keys, did:keys, that signed a note under an origin.
export async function signersOf(note, origin, dids) {
  const by = [];
  for (const did of dids) {
    if (await verifyNote(note, logKey(origin, publicKey(did))) !== undefined) {
      by.push(did);
    }
  }
  return by;
}

// parseKey reads a vkey: name+ID+key.
export function parseKey(vkey) {
  const [, name, id, digits] = /^([^+]*)\+([^+]*)\+(.*)$/s.exec(vkey) ?? [];
  need(name !== undefined && validName(name), 'a key is written NAME+ID+KEY');
  const b = base64(digits), k = {name, kind: b[0], key: b.slice(1)};
  need((k.kind === ofLog || k.kind === ofWitness) && k.key.length === 32, 'only Ed25519 keys of kind 1 (logs) and 4 (witnesses) are known');
  checkKey(k.key, vkey);
  need(id === idOf(k), `the ID of this name and key is ${idOf(k)}, not ${id}`);
  return k;
}

// parsePolicy reads a policy as people write it.
export function parsePolicy(b) {
  const p = {logs: [], witnesses: [], groups: [], quorum: undefined};
  const used = new Map(); // the defined names: whether they are in a group already
  const s = text(b);
  need(b.length <= maxSize && (s === '' || s.endsWith('\n')), 'the policy is too long, or its last line does not end');
  s.split('\n').forEach((line, i) => {
    try {
      need(!/[\0-\x08\x0a-\x1f\x7f]/.test(line), 'it has a control character');
      const fields = line.split(/[ \t]+/).filter(Boolean);
      if (fields.length > 0 && !fields[0].startsWith('#')) {
        policyLine(p, used, fields);
      }
    } catch (e) {
      throw new Wrong(`line ${i + 1} of the policy: ${e.message}`);
    }
  });
  need(p.logs.length + p.witnesses.length + p.groups.length <= maxLines, 'the policy has more than 1,024 logs, witnesses and groups');
  need(p.quorum !== undefined, 'the policy has no quorum; "quorum none" asks for no witness');
  return p;
}

function policyLine(p, used, [keyword, ...fields]) {
  const key = (vkey, kind, others) => {
    const k = parseKey(vkey);
    need(k.kind === kind, `the key is of kind ${k.kind}; it must be ${kind}`);
    need(!others.some((o) => equal(o.key.key, k.key)), 'this key stands above already');
    return k;
  };
  const define = (name) => {
    need(!used.has(name) && name !== 'none', `the name ${name} is taken`);
    used.set(name, false);
  };
  switch (keyword) {
  case 'log':
    need(fields.length === 1 || fields.length === 2, 'it must be: log VKEY [URL]');
    p.logs.push({key: key(fields[0], ofLog, p.logs)});
    break;
  case 'witness':
    need(fields.length === 2 || fields.length === 3, 'it must be: witness NAME VKEY [URL]');
    define(fields[0]);
    p.witnesses.push({name: fields[0], key: key(fields[1], ofWitness, p.witnesses)});
    break;
  case 'group': {
    const [name, k, ...members] = fields;
    need(members.length > 0, 'it must be: group NAME all|any|K MEMBER…');
    for (const m of members) { // each counts in one group alone: so "2 of 3" are two different witnesses
      need(used.get(m) === false, `${m} is no witness or group above, or a member already`);
      used.set(m, true);
    }
    define(name);
    const n = k === 'any' ? 1 : k === 'all' ? members.length : number(k);
    need(n >= 1 && n <= members.length, `${k} is not all, any, or a number from 1 to ${members.length}`);
    p.groups.push({name, n, members});
    break;
  }
  case 'quorum':
    need(fields.length === 1 && p.quorum === undefined, 'it must be one line: quorum NAME, or quorum none');
    need(used.has(fields[0]) || fields[0] === 'none', `no witness or group above has the name ${fields[0]}`);
    p.quorum = fields[0];
    break;
  default:
    need(false, `${keyword} is none of log, witness, group and quorum`);
  }
}

// parseTrust reads what somebody pinned: a policy, a log's vkey, or a did:key. What it gives is for judge.
export function parseTrust(s) {
  const words = s.trim();
  if (/^did:key:\S+$/.test(words)) {
    return {logs: [{key: {kind: ofLog, key: publicKey(words)}}], witnesses: [], groups: [], quorum: 'none'};
  }
  if (/^[^\s+]+\+\S+$/.test(words)) {
    const key = parseKey(words);
    need(key.kind === ofLog, 'this is the key of a witness: paste that of the log, or a policy');
    return {logs: [{key}], witnesses: [], groups: [], quorum: 'none'};
  }
  return parsePolicy(utf8(words + '\n'));
}

function satisfied(p, cosigned) {
  const met = new Map(p.witnesses.map((w) => [w.name, cosigned(w.name)]));
  for (const g of p.groups) {
    met.set(g.name, g.members.filter((m) => met.get(m)).length >= g.n);
  }
  return p.quorum === 'none' || met.get(p.quorum);
}

// judge holds a checkpoint against a policy: who of its logs signed it, which witnesses, and whether they are enough.
export async function judge({note, origin}, policy) {
  let by;
  for (const {key} of policy.logs) {
    const k = {...key, name: key.name ?? origin}; // a did:key has no name
    if (await verifyNote(note, k) !== undefined && k.name === origin) {
      by ??= didOf(k.key);
    }
  }
  const witnesses = [];
  for (const w of policy.witnesses) {
    const at = await verifyNote(note, w.key);
    if (at !== undefined) {
      witnesses.push({name: w.name, at: new Date(1000 * at)});
    }
  }
  return {by, witnesses, quorum: satisfied(policy, (name) => witnesses.some((w) => w.name === name))};
}

// readProof reads a tlog-proof.
export function readProof(b) {
  need(b.length <= maxSize, 'the proof is longer than 1 MiB');
  const s = text(b), at = s.indexOf('\n\n');
  const [header, index, ...hashes] = s.slice(0, Math.max(at, 0)).split('\n');
  need(at > 0 && header === 'c2sp.org/tlog-proof@v1' && index?.startsWith('index '), 'it is no proof with an index and a checkpoint');
  need(hashes.length <= 63, 'the proof has more than 63 hashes');
  return {index: number(index.slice('index '.length)), hashes: hashes.map(hashOf), checkpoint: utf8(s.slice(at + 2))};
}
