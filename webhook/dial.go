package webhook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// ErrAddress says that deliveries do not go to an address: it is of a network that only the server reaches.
var ErrAddress = errors.New("webhook: nothing is sent to that address")

// closed are the networks that are not of the public internet, beside those that package netip knows (RFC 6890).
var closed = prefixes("::/96", "::ffff:0:0:0/96", "0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "240.0.0.0/4", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fec0::/10")

func prefixes(texts ...string) (list []netip.Prefix) {
	for _, t := range texts {
		list = append(list, netip.MustParsePrefix(t))
	}
	return list
}

func in(a netip.Addr, list []netip.Prefix) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// reachable says whether deliveries go to an address: those of the public internet, with TLS, and those that are allowed.
func reachable(a netip.Addr, tls bool, allow []netip.Prefix) bool {
	a = a.Unmap().WithZone("")
	if in(a, allow) {
		return true
	}
	return tls && a.IsGlobalUnicast() && !a.IsPrivate() && !a.IsLoopback() && !a.IsLinkLocalUnicast() && !in(a, closed)
}

// client makes the HTTP client of an endpoint. It looks at the address that is connected to, after the name was resolved, so
// that no name leads elsewhere; it follows no redirect, asks no proxy and keeps no cookie.
func client(tls bool, allow []netip.Prefix, timeout time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: timeout, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		if !reachable(at.Addr(), tls, allow) {
			return ErrAddress
		}
		return nil
	}}
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: timeout, ResponseHeaderTimeout: timeout,
			MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 16 << 10, ForceAttemptHTTP2: true,
		},
	}
}

// parseURL reads the address of an endpoint.
func parseURL(text string, allow []netip.Prefix) (*url.URL, error) {
	bad := func(why string) error { return fmt.Errorf("%w: %s", ErrURL, why) }
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || len(text) > maxURL:
		return nil, bad("it is none")
	case u.User != nil:
		return nil, bad("it holds a name or a password: the signature says who sends")
	case u.Fragment != "":
		return nil, bad("it has a fragment")
	case u.Scheme != "https" && (u.Scheme != "http" || len(allow) == 0):
		return nil, bad("it must begin with https://")
	}
	if a, err := netip.ParseAddr(u.Hostname()); err == nil && !reachable(a, u.Scheme == "https", allow) {
		return nil, fmt.Errorf("%w: %s", ErrAddress, a)
	}
	return u, nil
}
