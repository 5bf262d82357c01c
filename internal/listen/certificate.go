package listen

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// Certificate is a certificate chain and its private key in two PEM files, which are read again when they are replaced. It
// is safe for concurrent use.
type Certificate struct {
	cert, key string
	failed    func(error)

	mu   sync.Mutex
	have *tls.Certificate
	as   [2]stamp // of the files that were read
	bad  [2]stamp // of files that could not be: they are not tried again, and complained of once
}

// stamp tells one state of a file from another.
type stamp struct {
	modified time.Time
	size     int64
}

// ReadCertificate reads the files. failed is told why later ones cannot be used: then the certificate from before stays.
func ReadCertificate(cert, key string, failed func(error)) (*Certificate, error) {
	c := &Certificate{cert: cert, key: key, failed: failed}
	as, err := c.stamps()
	if err != nil {
		return nil, fmt.Errorf("read the certificate: %w", err)
	}
	have, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("read the certificate %s with the key %s: %w", cert, key, err)
	}
	c.have, c.as = &have, as
	return c, nil
}

// Config gives what a server is configured with: TLS 1.3, or where the caller says so 1.2 too.
func (c *Certificate) Config(least uint16) *tls.Config {
	return &tls.Config{
		MinVersion:     least,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current(), nil },
	}
}

func (c *Certificate) stamps() (as [2]stamp, err error) {
	for i, path := range []string{c.cert, c.key} {
		info, err := os.Stat(path)
		if err != nil {
			return as, err
		}
		as[i] = stamp{info.ModTime(), info.Size()}
	}
	return as, nil
}

// current gives the certificate of the files as they are now; where they cannot be used, the one before.
func (c *Certificate) current() *tls.Certificate {
	c.mu.Lock()
	defer c.mu.Unlock()
	as, err := c.stamps()
	if err != nil || as == c.as || as == c.bad { // files that are being replaced may be gone for a moment
		return c.have
	}
	next, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil { // one of the two may be new already, and the other not
		c.bad = as
		c.failed(fmt.Errorf("the certificate %s with the key %s, which replaced another, cannot be used: %w", c.cert, c.key, err))
		return c.have
	}
	c.have, c.as, c.bad = &next, as, [2]stamp{}
	return c.have
}
