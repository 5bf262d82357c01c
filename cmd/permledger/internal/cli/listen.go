package cli

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/permledger/permledger/api/oidc"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/internal/listen"
)

// listenFlags say where a server listens, and how safely.
type listenFlags struct {
	address    string
	cert, key  string   // files in PEM
	least      string   // version of TLS
	insecure   bool     // plain HTTP to other machines
	perAddress int      // connections; 0: any number
	proxies    []string // addresses, or networks
	oidc       string   // file that names identity providers
	external   string   // URL that people call it by
}

func (f *listenFlags) flags(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.address, "listen", "127.0.0.1:8420", "the `address` to listen on; port 0 takes any that is free")
	flags.StringVar(&f.cert, "tls-cert", "", "serve HTTPS with the certificate chain in a `file` (PEM); it is read again when it is replaced")
	flags.StringVar(&f.key, "tls-key", "", "the `file` with the certificate's private key (PEM)")
	flags.StringVar(&f.least, "tls-min", "1.3", "the oldest `version` of TLS: 1.3 or 1.2")
	flags.BoolVar(&f.insecure, "insecure-listen", false, "serve plain HTTP to other machines too: for what encrypts before it, as a proxy or a private network")
	flags.IntVar(&f.perAddress, "connections-per-address", 256, "how `many` connections one address of another machine has at a time; 0: any number")
	flags.StringSliceVar(&f.proxies, "trusted-proxy", nil, "the `address` or network of a proxy whose X-Forwarded-For says who calls; may be said more than once")
	flags.StringVar(&f.oidc, "oidc", "", "a `file` that names the identity providers of organizations: docs/signing-in.md")
	flags.StringVar(&f.external, "external-url", "", "the `URL` that people call the server by, where a proxy is before it; else the one it listens on")
}

// open listens, and gives the URL of what it listens on.
func (f *listenFlags) open(a *app) (net.Listener, string, error) {
	if err := f.check(); err != nil {
		return nil, "", err
	}
	address, scheme := f.address, "http://"
	var config *tls.Config
	switch {
	case f.cert != "":
		var err error
		if config, err = f.tls(a); err != nil {
			return nil, "", err
		}
		scheme = "https://"
	case !f.insecure:
		var err error
		if address, err = listen.Loopback(address); errors.Is(err, listen.ErrPlain) {
			return nil, "", usage("serve: %w\nSay --tls-cert and --tls-key, or --insecure-listen where something before it encrypts", err)
		}
		if err != nil {
			return nil, "", fmt.Errorf("serve: %w", err)
		}
	}
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return nil, "", fmt.Errorf("serve: %w", err)
	}
	at := scheme + ln.Addr().String()
	if f.perAddress > 0 {
		ln = listen.Bounded(ln, f.perAddress, netip.Addr.IsLoopback, func(from netip.Addr) {
			a.say("permledger: %s has %d connections, and is given no more (--connections-per-address)", from, f.perAddress)
		})
	}
	if config != nil {
		ln = tls.NewListener(ln, config)
	}
	return ln, at, nil
}

// tls gives the configuration with the server's certificate, which is read again when it is replaced.
func (f *listenFlags) tls(a *app) (*tls.Config, error) {
	certificate, err := listen.ReadCertificate(f.cert, f.key, func(err error) { a.say("permledger: %v", err) })
	if err != nil {
		return nil, usage("serve: --tls-cert, --tls-key: %w", err)
	}
	least := uint16(tls.VersionTLS13)
	if f.least == "1.2" {
		least = tls.VersionTLS12
	}
	return certificate.Config(least), nil
}

func (f *listenFlags) check() error {
	switch {
	case (f.cert == "") != (f.key == ""):
		return usage("serve: --tls-cert and --tls-key go together")
	case f.least != "" && f.least != "1.2" && f.least != "1.3":
		return usage("serve: --tls-min %s: 1.3 or 1.2", f.least)
	case f.perAddress < 0:
		return usage("serve: --connections-per-address %d: a number of connections, or 0", f.perAddress)
	}
	if f.external != "" {
		u, err := url.Parse(f.external)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			return usage("serve: --external-url %s: a URL without a path, as https://ledger.example.com", f.external)
		}
	}
	return nil
}

// providers gives the identity providers.
func (f *listenFlags) providers() (all []*oidc.Provider, err error) {
	if f.oidc == "" {
		return nil, nil
	}
	configs, err := oidc.ReadConfig(f.oidc)
	for _, c := range configs {
		p, failed := oidc.New(c, nil)
		err = errors.Join(err, failed)
		all = append(all, p)
	}
	if err != nil {
		return nil, usage("serve: --oidc: %w", err)
	}
	return all, nil
}

// trusted gives the networks of the proxies.
func (f *listenFlags) trusted() (all []netip.Prefix, err error) {
	for _, text := range f.proxies {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			a, err := netip.ParseAddr(text)
			if err != nil {
				return nil, usage("serve: --trusted-proxy %s: an address, as 192.0.2.7, or a network, as 192.0.2.0/24", text)
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		all = append(all, p.Masked())
	}
	return all, nil
}

// certificate gives the absolute path of the server's certificate, for commands on this machine; empty: it has none.
func (f *listenFlags) certificate() (string, error) {
	if f.cert == "" {
		return "", nil
	}
	return filepath.Abs(f.cert)
}

// What a caller that is slow, or says much before it says what it wants, can take of a server. There is no bound on whole
// requests and answers, for streams have none: package api bounds bodies that are no streams.
const (
	headerTime  = 5 * time.Second // for a request's header, and for the handshake
	headerBytes = 16 << 10
	idleTime    = time.Minute // between requests
	writeStall  = time.Minute // of a connection with HTTP/2 that takes nothing
)

// httpServer gives a server of a handler with these bounds.
func httpServer(h http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		ErrorLog: log.New(complaints{logger}, "", 0),
		Handler:  h, ReadHeaderTimeout: headerTime, IdleTimeout: idleTime, MaxHeaderBytes: headerBytes,
		HTTP2: &http.HTTP2Config{WriteByteTimeout: writeStall, SendPingTimeout: writeStall},
	}
}

// complaints are what net/http says of connections. That a handshake failed is anybody's doing, and no warning.
type complaints struct{ to *slog.Logger }

func (c complaints) Write(line []byte) (int, error) {
	level := slog.LevelWarn
	if bytes.HasPrefix(line, []byte("http: TLS handshake error")) {
		level = slog.LevelDebug
	}
	c.to.Log(context.Background(), level, strings.TrimSpace(string(line)))
	return len(line), nil
}

// remote gives the way to a server that was named by its URL.
func (a *app) remote(url, token string) (*session, error) {
	if a.ca == "" {
		return remote(url, token, nil), nil
	}
	trusting, err := client.TrustAuthorities(a.ca)
	if err != nil {
		return nil, usage("--ca: %w", err)
	}
	return remote(url, token, trusting), nil
}
