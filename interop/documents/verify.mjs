// Verifies Verifiable Credentials with Digital Bazaar's data-integrity library and its eddsa-jcs-2022 cryptosuite, which
// know nothing of permledger. One line of JSON for each file: {"file", "verified", "issuer", "error"}.
//
//     node verify.mjs [--did did.json] FILE…
//
// Only a did:key, or the did:web of the DID document that is given, is resolved: nothing is fetched.
import {readFileSync} from 'node:fs';
import {parseArgs} from 'node:util';
import {DataIntegrityProof} from '@digitalbazaar/data-integrity';
import {createVerifyCryptosuite} from '@digitalbazaar/eddsa-jcs-2022-cryptosuite';
import jsigs from 'jsonld-signatures';

const {values, positionals} = parseArgs({options: {did: {type: 'string'}}, allowPositionals: true});
const web = values.did && JSON.parse(readFileSync(values.did, 'utf8'));
const didContext = 'https://www.w3.org/ns/did/v1';

// didKey gives the DID document that a did:key of Ed25519 stands for.
function didKey(did) {
  const multikey = did.slice('did:key:'.length);
  const id = `${did}#${multikey}`;
  const method = {
    '@context': 'https://w3id.org/security/multikey/v1',
    id, type: 'Multikey', controller: did, publicKeyMultibase: multikey
  };
  return {'@context': [didContext], id: did, verificationMethod: [method], assertionMethod: [id]};
}

async function documentLoader(url) {
  const [did] = url.split('#');
  const resolved = did.startsWith('did:key:') ? didKey(did) : web?.id === did ? web : undefined;
  if(!resolved) {
    throw new Error(`${url} is not to be resolved here`);
  }
  const method = resolved.verificationMethod.find(m => m.id === url);
  const document = url === did ? resolved :
    method && {'@context': 'https://w3id.org/security/multikey/v1', ...method};
  if(!document) {
    throw new Error(`${did} has no ${url}`);
  }
  return {contextUrl: null, documentUrl: url, document};
}

for(const file of positionals) {
  const document = JSON.parse(readFileSync(file, 'utf8'));
  const result = await jsigs.verify(document, {
    suite: new DataIntegrityProof({cryptosuite: createVerifyCryptosuite()}),
    purpose: new jsigs.purposes.AssertionProofPurpose(),
    documentLoader
  });
  const issuer = document.issuer?.id ?? document.issuer;
  const method = result.results?.[0]?.verificationMethod;
  // That the key is the issuer's is for whoever verifies a credential; the library checks that it is its controller's.
  const own = method?.controller === issuer;
  const errors = result.error?.errors ?? [result.error];
  console.log(JSON.stringify({
    file, issuer, verified: result.verified && own,
    error: result.verified ? (own ? '' : `${method?.id} is not the issuer's`) : errors.map(e => e?.message).join('; ')
  }));
}
