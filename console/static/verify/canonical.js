// Canonical JSON as the ledger has it: format.md, 1.1 and 1.2.
import {need, text} from './bytes.js';

const plain = /^[ -~\n]*$/;
const forbidden = new RegExp('[\\0-\\x09\\x0b-\\x1f\\x7f-\\x9f\\xad\\u034f\\u061c\\u115f-\\u1160\\u17b4-\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e' +
  '\\u2060-\\u206f\\u3164\\ud800-\\udfff\\ufeff\\uffa0\\ufff0-\\uffff\\u{e0000}-\\u{10ffff}]', 'u');

function check(v, depth) {
  if (typeof v === 'string') {
    need(plain.test(v) || !forbidden.test(v), 'a forbidden code point');
  } else if (typeof v === 'number') {
    need(Number.isSafeInteger(v) && v >= 0, 'not an integer from 0 to 2^53-1');
  } else if (typeof v === 'object' && v !== null) {
    need(depth <= 32, 'nested deeper than 32');
    for (const name of Object.keys(v)) {
      if (!Array.isArray(v)) {
        check(name, depth);
      }
      check(v[name], depth + 1);
    }
  } else {
    need(v === true, 'null or false');
  }
}

// canonical writes a value as RFC 8785 does. Its numbers must be integers.
export function canonical(v) {
  if (Array.isArray(v)) {
    return '[' + v.map(canonical).join(',') + ']';
  }
  if (typeof v === 'object' && v !== null) {
    return '{' + Object.keys(v).sort().map((name) => JSON.stringify(name) + ':' + canonical(v[name])).join(',') + '}';
  }
  return JSON.stringify(v);
}

function json(s) {
  try {
    return JSON.parse(s);
  } catch (e) {
    need(false, 'no JSON: ' + e.message);
  }
}

// parse reads the canonical JSON of the ledger, and nothing else.
export function parse(b) {
  const s = text(b), v = json(s);
  check(v, 1);
  need(canonical(v) === s, 'not the canonical form');
  return v;
}

// loneSurrogate finds half a character, which JSON can only write as an escape, and RFC 8785 refuses.
const loneSurrogate = /(?:^|[^\\])(?:\\\\)*\\ud[89a-f]/;

// parseDocument reads the canonical JSON of a signed document, whose strings may be any and which may have false and null.
export function parseDocument(b) {
  const s = text(b), v = json(s);
  need(canonical(v) === s, 'not the canonical form');
  need(!loneSurrogate.test(s), 'half a character');
  return v;
}

// memberBytes gives the exact bytes of a member of the outermost object.
export function memberBytes(b, name) {
  const key = `"${name}":`;
  let depth = 0, from = -1;
  for (let i = 0; i < b.length; i++) {
    switch (b[i]) {
    case 0x22: { // a string, or a name
      const start = i;
      for (i++; b[i] !== 0x22; i++) {
        if (b[i] === 0x5c) {
          i++;
        }
      }
      if (depth === 1 && from < 0 && i + 1 - start === key.length - 1 && text(b.subarray(start, i + 2)) === key) {
        from = i + 2;
      }
      break;
    }
    case 0x7b: case 0x5b:
      depth++;
      break;
    case 0x7d: case 0x5d:
      depth--;
      if (depth === 1 && from >= 0) {
        return b.subarray(from, i + 1);
      }
    }
  }
  need(false, `no member ${name}`);
}
