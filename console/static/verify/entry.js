// The members of entries and events (format.md, 2 and 3), and who signed them (5).
import {Unjudged, Wrong, base64url, need, utf8} from './bytes.js';
import {canonical, memberBytes, parse} from './canonical.js';
import {publicKey, signed} from './ed25519.js';
import {idTime, instant} from './time.js';
import {typeOf} from './types.js';
import {isWallet, walletSigned} from './wallet.js';

const maxEntry = 65535;

// Checks of values: each is given the value and what to call it.
const matches = (pattern, more) => (v, what) => {
  need(typeof v === 'string' && pattern.test(v), `${what} is not what it must be`);
  more?.(v, what);
};
const wholeBase64 = (v, what) => {
  try {
    base64url(v);
  } catch {
    throw new Wrong(`${what} has bits to spare`);
  }
};

const object = (v, what) => need(typeof v === 'object' && v !== null && !Array.isArray(v), `${what} is no object`);
const integer = (v, what) => need(typeof v === 'number', `${what} is no number`);
const list = (v, what) => need(Array.isArray(v), `${what} is no array`);
const constant = (c) => (v, what) => need(v === c, `${what} is not ${c}`);
const optional = (check) => Object.assign((v, what) => check(v, what), {optional: true});

const ulid = matches(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/, (v, what) => need(v !== '0'.repeat(26), `${what} is zero`));
const time = matches(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, (v) => instant(v));
const digest = matches(/^[A-Za-z0-9_-]{43}$/, wholeBase64);
const signature = matches(/^[A-Za-z0-9_-]{86}$/, wholeBase64);
const proof = matches(/^[A-Za-z0-9_-]{2,683}$/, wholeBase64);
const key = matches(/^did:key:z6Mk[1-9A-HJ-NP-Za-km-z]{44}$/, (v) => publicKey(v));
const cid = matches(/^bafkrei[a-z2-7]{51}[aeimquy4]$/);
const credential = matches(/^[!-~]{1,256}$/);
const algorithm = matches(/^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$/);
const token = matches(/^[a-z0-9][a-z0-9.-]{0,63}$/);
const name = matches(/^[!-~]([ -~]{0,126}[!-~])?$/);
const source = matches(/^[a-z0-9]([a-z0-9.:-]*[a-z0-9])?\/[a-z0-9-]{1,32}$/);
const thing = matches(/^[a-z]+\/[!-~]+$/);
const schema = matches(/^urn:permledger:[a-z.]+:[1-9][0-9]{0,8}$/);
const decimal = matches(/^[1-9][0-9]{0,15}$/);
const anyText = matches(/^[^]{64,96}$/u);

// members demands that v is an object with these members and no others.
function members(v, what, wanted) {
  object(v, what);
  for (const n of Object.keys(v)) {
    need(Object.hasOwn(wanted, n), `${what} has an unknown member ${n}`);
  }
  for (const n of Object.keys(wanted)) {
    if (Object.hasOwn(v, n)) {
      wanted[n](v[n], `${what}.${n}`);
    } else {
      need(wanted[n].optional, `${what} has no member ${n}`);
    }
  }
}

const ofEntry = {document: optional(object), event: object, evidence: optional(object), signatures: list};
const ofDocument = {cid, format: token, key, proof: anyText};
const ofEvidence = {algorithm, expires: time, key: credential, seen: optional(object), sig: proof};
const ofSeen = {root: digest, size: integer};
const ofSignature = {key, sig: signature};
const ofEvent = {
  actor: ulid, data: object, dataschema: schema, id: ulid, prev: optional(cid), sequence: decimal, source, specversion: constant('1.0'),
  subject: thing, time, type: token,
};
const ofData = {auth: object, command: object, origin: optional(object), reason: optional(digest)};
const ofEffectiveData = {...ofData, effect: object};
const ofAuth = {credential, method: token};
const ofKeyAuth = {credential: key, method: token};
const ofOrigin = {import: optional(object), derived: optional(object)};
const ofImport = {format: token, occurred: optional(time), part: integer, record: name, source: name};
const ofDerived = {from: ulid, row: integer};

function checkEntry(entry) {
  members(entry, 'entry', ofEntry);
  if (entry.document) {
    members(entry.document, 'document', ofDocument);
  }
  if (entry.evidence) {
    members(entry.evidence, 'evidence', ofEvidence);
    if (entry.evidence.seen) {
      members(entry.evidence.seen, 'seen', ofSeen);
    }
  }
  need(entry.signatures.length === 1, 'there is not one signature');
  members(entry.signatures[0], 'signature', ofSignature);
}

// notLater looks at the type of the event first: around one of a later release everything may be new (section 2).
function notLater(entry) {
  const name = entry?.event?.dataschema;
  if (typeof name === 'string' && /^urn:permledger:[a-z.]+:[1-9][0-9]{0,8}$/.test(name) && !typeOf(name)) {
    throw new Unjudged(`the type ${name.slice('urn:permledger:'.length)} is of a later release: neither it nor what follows can be judged`);
  }
}

function checkEvent(e) {
  members(e, 'event', ofEvent);
  need(e.source.length <= 255 && e.subject.length <= 256, 'a string is too long');
  const {type, version, about, effect} = typeOf(e.dataschema), d = e.data;
  need(type === e.type, 'type is not that of dataschema');
  members(d, 'data', effect ? ofEffectiveData : ofData);
  members(d.auth, 'auth', ofAuth);
  if (d.auth.method === 'signature' || d.auth.method === 'node') {
    members(d.auth, 'auth', ofKeyAuth);
  }
  need(d.reason !== 'A'.repeat(43), 'a reason of zeros is left out');
  if (d.origin) {
    need(Object.keys(d.origin).length === 1, 'an origin is either imported or derived');
    members(d.origin, 'origin', ofOrigin);
    if (d.origin.import) {
      members(d.origin.import, 'import', ofImport);
    } else {
      members(d.origin.derived, 'derived', ofDerived);
    }
  }
  const subject = about.replace(/\{(\w+)\}/, (_, n) => {
    need(Object.hasOwn(d.command, n), `the command has no member ${n}`);
    return String(d.command[n]);
  });
  need(e.subject === subject, 'subject is not what the event is about');
  need((e.prev !== undefined) === (e.sequence !== '1'), 'the first event, and no other, has no prev');
  keyMembers(type, d.command, version === 1);
}

const membersOfKeys = {
  'key.registered': {key, purpose: token}, 'key.rotated': {old: key, new: key}, 'key.succeeded': {lost: key, key}, 'key.revoked': {key}, 'key.reported': {key},
};

// keyMembers checks what the history of the keys is read from: section 6.
function keyMembers(type, command, first) {
  if (type === 'organization.opened') {
    need(Object.hasOwn(command, 'keys'), 'the command has no member keys');
    members(command.keys, 'keys', {document: key, event: key, operator: key, root: key, ...(first ? {} : {checkpoint: key})});
  }
  for (const [n, check] of Object.entries(membersOfKeys[type] ?? {})) {
    need(Object.hasOwn(command, n), `the command has no member ${n}`);
    check(command[n], `command.${n}`);
  }
}

// readEntry reads an entry and demands its form.
export function readEntry(raw) {
  need(raw.length <= maxEntry, 'larger than 65,535 bytes');
  const entry = parse(raw);
  notLater(entry);
  checkEntry(entry);
  checkEvent(entry.event);
  return entry;
}

// pae is the pre-authentication encoding of DSSE: section 5.1.
export function pae(type, payload) {
  const head = utf8(`DSSEv1 ${type.length} ${type} ${payload.length} `);
  const b = new Uint8Array(head.length + payload.length);
  b.set(head);
  b.set(payload, head.length);
  return b;
}

const ofEvents = 'application/vnd.permledger.event+json';
const ofCommands = 'application/vnd.permledger.command+json';

// entrySigned says whether the key that an entry names signed its event.
export const entrySigned = (raw, {key, sig}) => signed(publicKey(key), pae(ofEvents, memberBytes(raw, 'event')), base64url(sig));

// commandBytes gives what the author signed: section 5.3.
function commandBytes(e, ev) {
  const d = e.data, c = {actor: e.actor, command: d.command, dataschema: e.dataschema, expires: ev.expires, id: e.id, ledger: e.source};
  for (const [n, v] of Object.entries({origin: d.origin, reason: d.reason, seen: ev.seen})) {
    if (v !== undefined) {
      c[n] = v;
    }
  }
  return utf8(canonical(c));
}

export const methods = {Ed25519: 'signature', 'EIP-712': 'eip712', 'EIP-191': 'eip191', 'EIP-4361': 'eip4361'};
const knownMethods = ['node', ...Object.values(methods)];
const day = 24 * 60 * 60 * 1000;

// checkEvidence demands the author's own signature, where the event says that there is one: section 5.3, but for seen.
export async function checkEvidence({event: e, evidence: ev}) {
  const {method, credential} = e.data.auth;
  if (!knownMethods.includes(method) || ev && !Object.hasOwn(methods, ev.algorithm)) {
    throw new Unjudged(`the method ${method}${ev ? ` with ${ev.algorithm}` : ''} is of a later release`);
  }
  need((method !== 'node') === (ev !== undefined), 'evidence is there where it must not be, or not where it must');
  if (!ev) {
    return;
  }
  need(ev.key === credential, 'it is of another key than the event says');
  need(methods[ev.algorithm] === method, `it is by ${methods[ev.algorithm]}, and the event says ${method}`);
  const expires = instant(ev.expires);
  need(instant(e.time) < expires, 'the command had expired');
  need(e.data.origin?.import || expires - idTime(e.id) <= day, 'it expires more than 24 h after the time in the id');
  const command = commandBytes(e, ev), sig = base64url(ev.sig);
  if (ev.algorithm === 'Ed25519') {
    need(sig.length === 64, 'it is no Ed25519 signature');
    need(await signed(publicKey(ev.key), pae(ofCommands, command), sig), `${ev.key} did not sign this command`);
    return;
  }
  need(isWallet(ev.key), `${ev.key} is no wallet in its one spelling`);
  need(walletSigned(e, ev, command, sig), `${ev.key} did not sign this command`);
}
