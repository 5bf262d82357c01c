package client

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"os"
)

// ErrCertificate says that a server's certificate is not the one that it is to have.
var ErrCertificate = errors.New("the server has another certificate than the one that is trusted")

// TrustAuthorities gives what [New] takes as hc where a server's certificate descends from one of those in a file in PEM,
// which may be the server's own where it issued itself. No other authority counts, not even the machine's.
func TrustAuthorities(file string) (*http.Client, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the certificates to trust: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("read the certificates to trust: %s holds none in PEM", file)
	}
	return over(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}), nil
}

// TrustCertificate gives what [New] takes as hc for a server on this machine: one that has the first certificate in a file
// in PEM, under whatever name and address it is called. The file is read at each connection, as the server reads it.
func TrustCertificate(file string) *http.Client {
	return over(&tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // the certificate itself is compared: see VerifyConnection, which runs all the same
		VerifyConnection: func(s tls.ConnectionState) error {
			text, err := os.ReadFile(file)
			if err != nil {
				return fmt.Errorf("read the server's certificate: %w", err)
			}
			block, _ := pem.Decode(text)
			if block == nil || len(s.PeerCertificates) == 0 || !bytes.Equal(block.Bytes, s.PeerCertificates[0].Raw) {
				return fmt.Errorf("%w: %s", ErrCertificate, file)
			}
			return nil
		},
	})
}

// over gives a client like the default one, with TLS configured.
func over(c *tls.Config) *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = c
	return &http.Client{Transport: t}
}
