// Signed documents: W3C Verifiable Credentials 2.0 with one eddsa-jcs-2022 proof (format.md, 15).
import {base58, concat, need, utf8} from './bytes.js';
import {canonical, parseDocument} from './canonical.js';
import {publicKey, signed} from './ed25519.js';
import {sha256} from './sha256.js';

const contextV2 = 'https://www.w3.org/ns/credentials/v2';
const members = ['@context', 'created', 'cryptosuite', 'proofPurpose', 'proofValue', 'type', 'verificationMethod'];

// readDocument reads a document in its one spelling, and gives it with its proof; it verifies nothing.
export function readDocument(b) {
  const {proof, ...document} = parseDocument(b);
  need(Array.isArray(document['@context']) && document['@context'][0] === contextV2, 'it is no Verifiable Credential 2.0');
  need([document.type].flat().includes('VerifiableCredential'), 'its type is not VerifiableCredential');
  need(typeof proof === 'object' && proof !== null && !Array.isArray(proof), 'it has not exactly one proof');
  need(Object.keys(proof).every((n) => members.includes(n)), 'its proof has a member that is not understood here');
  need(proof.type === 'DataIntegrityProof' && proof.cryptosuite === 'eddsa-jcs-2022' && proof.proofPurpose === 'assertionMethod', 'its proof is of another kind than eddsa-jcs-2022');
  need(typeof proof.proofValue === 'string' && typeof proof.verificationMethod === 'string', 'its proof has no value, or names no key');
  need(canonical(proof['@context'] ?? document['@context']) === canonical(document['@context']), 'the contexts of its proof are not its own');
  const key = /^[^#]*#(z6Mk[1-9A-HJ-NP-Za-km-z]{44})$/.exec(proof.verificationMethod);
  need(key, `its proof names no Ed25519 key: ${proof.verificationMethod}`);
  return {document, proof, key: `did:key:${key[1]}`, issuer: document.issuer?.id ?? document.issuer};
}

// checkDocument demands that the key, a did:key, signed the document, and that its proof says so.
export async function checkDocument({document, proof, key}, did = key) {
  need(key === did, `it says that ${key} signed it; the entry names ${did}`);
  const {proofValue, ...config} = proof;
  need(proofValue.startsWith('z'), 'the value of its proof is not base58btc');
  const data = concat(sha256(utf8(canonical(config))), sha256(utf8(canonical(document))));
  need(await signed(publicKey(did), data, base58(proofValue.slice(1), 64)), `${did} did not sign it`);
}
