package api

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// addressOf gives the address that a request is counted under: of the peer, or the one that a trusted proxy names. Of IPv6 it
// is the /64, which one customer has. It is empty for callers on this machine: there a proxy may be, or the operator.
func (s *server) addressOf(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	a := peer.Addr().Unmap()
	if s.trusts(a) {
		// The last address is what the proxy nearest to us saw; before it stands what it was told.
		said := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		for _, text := range slices.Backward(said) {
			next, err := netip.ParseAddr(strings.TrimSpace(text))
			if err != nil {
				break
			}
			if a = next.Unmap(); !s.trusts(a) {
				break
			}
		}
	}
	if a.IsLoopback() {
		return ""
	}
	if a.Is6() {
		p, _ := a.WithZone("").Prefix(64) // fits every IPv6 address
		return p.String()
	}
	return a.String()
}

func (s *server) trusts(a netip.Addr) bool {
	return slices.ContainsFunc(s.opts.Proxies, func(p netip.Prefix) bool { return p.Contains(a) })
}
