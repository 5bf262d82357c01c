package documents

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"sync"
)

// packed is a file, compressed. It is only ever in memory and in snapshots, so nothing that lasts depends on its bytes.
type packed []byte

// frame is what documents have in common. A packer that knows it makes a document of 1,400 bytes one of some 400, of
// which the keys, ids and signature are all that is left.
const frame = `{"@context":["https://www.w3.org/ns/credentials/v2","https://www.w3.org/ns/credentials/undefined-terms/v2"],` +
	`"credentialStatus":[{"statusListCredential":"https:///orgs//status/revocation/0","statusListIndex":"","statusPurpose":` +
	`"revocation","type":"BitstringStatusListEntry"},{"statusListCredential":"https:///orgs//status/refresh/0",` +
	`"statusListIndex":"","statusPurpose":"refresh","type":"BitstringStatusListEntry"}],"credentialSubject":{"description":"",` +
	`"id":"did:hedera:testnet:","permissions":[{"name":"","scope":"","until":"T00:00:00.000Z"}],"roles":[{"name":"","owner":"",` +
	`"scope":"","uuid":"01"},"type":"UserPermissions","userId":""},"id":"urn:uuid:01","name":"","permissions":[""],` +
	`"type":"Role","uuid":""},"id":"urn:uuid:01","issuer":"did:key:z6Mk","proof":{"@context":[` +
	`"https://www.w3.org/ns/credentials/v2","https://www.w3.org/ns/credentials/undefined-terms/v2"],"created":"2026-01-01T",` +
	`"cryptosuite":"eddsa-jcs-2022","proofPurpose":"assertionMethod","proofValue":"z","type":"DataIntegrityProof",` +
	`"verificationMethod":"did:key:z6Mk#z6Mk"},"type":["VerifiableCredential"],"validFrom":"2026-01-01T00:00:00.000Z"}`

// packers are shared: one takes a megabyte, and most ledgers are idle.
var packers = sync.Pool{New: func() any {
	w, err := flate.NewWriterDict(nil, flate.DefaultCompression, []byte(frame))
	if err != nil {
		panic(fmt.Sprintf("documents: make a packer: %v", err)) // only for a level that there is not
	}
	return w
}}

func pack(file []byte) packed {
	w := packers.Get().(*flate.Writer)
	defer packers.Put(w)
	var b bytes.Buffer
	w.Reset(&b)
	_, err := w.Write(file)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		panic(fmt.Sprintf("documents: pack: %v", err)) // a buffer takes everything
	}
	return bytes.Clone(b.Bytes())
}

// unpack fails only of what this package did not pack.
func (p packed) unpack() ([]byte, error) {
	file, err := io.ReadAll(flate.NewReaderDict(bytes.NewReader(p), []byte(frame)))
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	return file, nil
}
