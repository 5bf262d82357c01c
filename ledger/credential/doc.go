// Package credential secures W3C Verifiable Credentials 2.0 with a Data Integrity proof of the
// cryptosuite eddsa-jcs-2022, checks them again, and names their files as IPFS does.
//
// It follows VC Data Integrity 1.0 and Data Integrity EdDSA Cryptosuites 1.0 (W3C
// Recommendations of 15 May 2025), of which it accepts a strict part:
//
//   - one proof, never a set or a chain, of the type DataIntegrityProof with the purpose
//     assertionMethod, and no member that this package does not judge;
//   - a proofValue in base58btc (z…), in its one spelling;
//   - contexts that are URLs, the first being that of VC 2.0: an object written into @context
//     never verifies in some other implementations;
//   - JSON without duplicate names, invalid UTF-8 or nesting over 32, and no number but integers
//     up to 2^53-1: the canonical form rounds others, so that one signature would fit two texts.
//
// What is signed is
//
//	SHA-256(JCS(proof without proofValue)) || SHA-256(JCS(credential without proof))
//
// and nothing of it depends on the order or the white space of the file. [Secure] writes the one
// canonical file (RFC 8785) of a credential and its proof: equal arguments give equal bytes, so a
// file can be rebuilt from the credential and the proofValue without any private key.
package credential

import "errors"

// Errors, to be told apart with errors.Is.
var (
	// ErrMalformed says that a text is not a credential in strict JSON.
	ErrMalformed = errors.New("credential: malformed")
	// ErrProof says that a proof is missing, or is not of the one accepted form.
	ErrProof = errors.New("credential: unacceptable proof")
	// ErrContext says that the contexts of credential and proof do not fit together.
	ErrContext = errors.New("credential: contexts do not fit")
	// ErrKey says that no key could be found for the proof, or another than was demanded.
	ErrKey = errors.New("credential: no fitting key")
	// ErrSignature says that the signature is not that of the key over this credential.
	ErrSignature = errors.New("credential: signature does not verify")
)
