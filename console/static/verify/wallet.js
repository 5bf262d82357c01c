// What Ethereum wallets sign of a command: format.md, 5.5. Recovery on secp256k1 as SEC 1, section 4.1.6, has it.
import {big, concat, hex, need, unbig, unhex, utf8} from './bytes.js';
import {canonical} from './canonical.js';
import {keccak} from './keccak.js';
import {idTime} from './time.js';

const Q = 2n ** 256n - 2n ** 32n - 977n;
const N = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
const G = {
  x: 0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798n, y: 0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8n, z: 1n,
};
const neutral = {x: 1n, y: 1n, z: 0n}; // points are Jacobian: x/z², y/z³

const mod = (n, m) => (n %= m) < 0n ? n + m : n;

function power(base, exponent, m) {
  let r = 1n;
  for (const bit of exponent.toString(2)) {
    r = r * r % m;
    if (bit === '1') {
      r = r * base % m;
    }
  }
  return r;
}

function double({x, y, z}) {
  const yy = y * y % Q, s = 4n * x * yy % Q, m = 3n * x * x % Q;
  const x2 = mod(m * m - 2n * s, Q);
  return {x: x2, y: mod(m * (s - x2) - 8n * yy * yy, Q), z: 2n * y * z % Q};
}

function add(p, q) {
  if (p.z === 0n || q.z === 0n) {
    return p.z === 0n ? q : p;
  }
  const pp = p.z * p.z % Q, qq = q.z * q.z % Q;
  const u = p.x * qq % Q, s = p.y * qq * q.z % Q, h = mod(q.x * pp - u, Q), r = mod(q.y * pp * p.z - s, Q);
  if (h === 0n) {
    return r === 0n ? double(p) : neutral;
  }
  const hh = h * h % Q, hhh = h * hh % Q, v = u * hh % Q, x = mod(r * r - hhh - 2n * v, Q);
  return {x, y: mod(r * (v - x) - s * hhh, Q), z: h * p.z * q.z % Q};
}

// combined gives mP + nR.
function combined(m, P, n, R) {
  const both = add(P, R);
  let sum = neutral;
  for (let i = 255n; i >= 0n; i--) {
    sum = double(sum);
    const a = m >> i & 1n, b = n >> i & 1n;
    if (a || b) {
      sum = add(sum, a && b ? both : a ? P : R);
    }
  }
  return sum;
}

// signer gives the address whose signature r, s, v this is; undefined where it is none in its one spelling.
export function signer(hash, signature) {
  if (signature.length !== 65) {
    return undefined;
  }
  const r = big(signature.subarray(0, 32)), s = big(signature.subarray(32, 64)), v = signature[64];
  if (r === 0n || r >= N || s === 0n || s > N / 2n || v !== 27 && v !== 28) {
    return undefined;
  }
  const yy = mod(r * r * r + 7n, Q);
  let y = power(yy, (Q + 1n) / 4n, Q);
  if (y * y % Q !== yy) {
    return undefined;
  }
  if (Number(y & 1n) !== v - 27) {
    y = Q - y;
  }
  const inverse = power(r, N - 2n, N);
  const key = combined(s * inverse % N, {x: r, y, z: 1n}, mod(-big(hash) * inverse, N), G);
  if (key.z === 0n) {
    return undefined;
  }
  const z = power(key.z, Q - 2n, Q), zz = z * z % Q;
  return address(keccak(concat(unbig(key.x * zz % Q, 32), unbig(key.y * zz * z % Q, 32))).subarray(12));
}

// address writes 20 bytes with the checksum of EIP-55.
export function address(b) {
  const digits = hex(b), sum = hex(keccak(utf8(digits)));
  return '0x' + [...digits].map((d, i) => sum[i] > '7' ? d.toUpperCase() : d).join('');
}

const wallet = /^(?:did:pkh:eip155:([1-9][0-9]{0,15}):)?(0x[0-9A-Fa-f]{40})$/;
const tokenOf = /^token\/eip155:([1-9][0-9]{0,15}):(0x[0-9A-Fa-f]{40})(?:\/[^]*)?$/;

// spelled says whether a chain id and an address are in their one spelling.
const spelled = (m) => m !== null && Number(m[1] ?? 1) <= Number.MAX_SAFE_INTEGER && address(unhex(m[2].slice(2))) === m[2];

export const isWallet = (text) => spelled(wallet.exec(text));

const hashed = (text) => keccak(utf8(text));
const beyond = 253402300800000; // the year 10000

// walletSigned says whether a wallet, which is one, signed the command whose canonical bytes are given.
export function walletSigned(e, ev, command, signature) {
  const [, id, own] = wallet.exec(ev.key), token = tokenOf.exec(e.subject);
  let chain = Number(id ?? 0), contract = '';
  if (spelled(token)) {
    need(chain === 0 || chain === Number(token[1]), 'the wallet is of another chain than the token');
    chain = Number(token[1]);
    contract = token[2];
  }
  need(idTime(e.id) < beyond, 'the time in the id is beyond the year 9999');
  const said = {
    wallet: ev.key, own, chain, ledger: e.source, action: e.type, resource: e.subject, command: canonical(e.data.command), hash: keccak(command),
    nonce: e.id, issued: new Date(idTime(e.id)).toISOString(), expires: ev.expires,
  };
  let hash;
  if (ev.algorithm === 'EIP-712') {
    hash = keccak(concat([0x19, 0x01], domain(chain, contract), action(said)));
  } else {
    const text = utf8((ev.algorithm === 'EIP-191' ? plainText : signIn)(said));
    hash = keccak(concat(utf8(`\x19Ethereum Signed Message:\n${text.length}`), text));
  }
  return signer(hash, signature) === own;
}

const padded = (address) => concat(new Uint8Array(12), unhex(address.slice(2)));

function domain(chain, contract) {
  let type = 'string name,string version';
  const data = [hashed('Permission Ledger'), hashed('1')];
  if (chain) {
    type += ',uint256 chainId';
    data.push(unbig(BigInt(chain), 32));
  }
  if (contract) {
    type += ',address verifyingContract';
    data.push(padded(contract));
  }
  return keccak(concat(hashed(`EIP712Domain(${type})`), ...data));
}

const typeOfAction = hashed('Action(address actor,string ledger,string action,string resource,string command,bytes32 payloadHash,string nonce,string issuedAt,string expiresAt)');

const action = (s) => keccak(concat(typeOfAction, padded(s.own), hashed(s.ledger), hashed(s.action), hashed(s.resource), hashed(s.command), s.hash,
  hashed(s.nonce), hashed(s.issued), hashed(s.expires)));

const plainText = (s) => `Permission Ledger: sign a command

Ledger: ${s.ledger}
Action: ${s.action}
Resource: ${s.resource}
Command: ${s.command}
Wallet: ${s.wallet}
Nonce: ${s.nonce}
Issued At: ${s.issued}
Expiration Time: ${s.expires}
Hash: 0x${hex(s.hash)}`;

const signIn = (s) => `${s.ledger.slice(0, s.ledger.lastIndexOf('/'))} wants you to sign in with your Ethereum account:
${s.own}

Sign the command ${s.action} for the permission ledger ${s.ledger}. It is written out below.

URI: https://${s.ledger}
Version: 1
Chain ID: ${s.chain || 1}
Nonce: ${s.nonce}
Issued At: ${s.issued}
Expiration Time: ${s.expires}
Request ID: ${s.nonce}
Resources:
- https://${s.ledger}#${escaped(s.resource)}
- data:application/json,${escaped(s.command)}
- urn:permledger:keccak256:${hex(s.hash)}`;

function escaped(text) {
  let s = '';
  for (const b of utf8(text)) {
    const c = String.fromCharCode(b);
    s += b < 0x80 && /[A-Za-z0-9._~:/@!$&'()*+,;=-]/.test(c) ? c : '%' + b.toString(16).toUpperCase().padStart(2, '0');
  }
  return s;
}
