package listen_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/permledger/permledger/internal/listen"
	"github.com/permledger/permledger/internal/listen/listentest"
)

// Given addresses, when they are to be listened on without TLS, then those of this machine alone are taken.
func TestLoopback(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:8420": "127.0.0.1:8420", "127.8.9.1:0": "127.8.9.1:0", "[::1]:80": "[::1]:80", "[::ffff:127.0.0.1]:80": "127.0.0.1:80",
		":8420": "", "0.0.0.0:8420": "", "[::]:8420": "", "192.0.2.1:80": "", "[2001:db8::1]:80": "",
	} {
		got, err := listen.Loopback(address)
		if got != want || (want == "") != errors.Is(err, listen.ErrPlain) {
			t.Errorf("%s: %q, %v; want %q", address, got, err, want)
		}
	}
	for _, address := range []string{"", "127.0.0.1", "127.0.0.1:99999"} {
		if got, err := listen.Loopback(address); err == nil && address != "" || got != "" {
			t.Errorf("%q is no address to listen on: %q, %v", address, got, err)
		}
	}
}

// Given an address with as many connections as it may have, when it opens another, then that is closed at once, others come
// in, and it may again when one has ended.
func TestBounded(t *testing.T) {
	in, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := make(chan netip.Addr, 10)
	l := listen.Bounded(in, 2, func(a netip.Addr) bool { return a == netip.MustParseAddr("127.0.0.3") }, func(a netip.Addr) { refused <- a })
	defer l.Close()
	accepted := make(chan net.Conn, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "in\n")
			accepted <- c
		}
	}()
	dial := func(from string) bool {
		t.Helper()
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		c, err := d.Dial("tcp", in.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		if err := c.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		line, _ := bufio.NewReader(c).ReadString('\n')
		return line == "in\n"
	}
	for i, want := range []bool{true, true, false, false} {
		if dial("127.0.0.1") != want {
			t.Fatalf("connection %d comes in: %t", i+1, !want)
		}
	}
	for _, from := range []string{"127.0.0.2", "127.0.0.3", "127.0.0.3", "127.0.0.3"} {
		if !dial(from) {
			t.Fatalf("%s, another address or one that is not counted, is kept out", from)
		}
	}
	if a := <-refused; a != netip.MustParseAddr("127.0.0.1") || len(refused) != 0 {
		t.Errorf("told of %s and %d more; want one", a, len(refused))
	}
	first := <-accepted
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	_ = first.Close() // twice counts once
	for i, want := range []bool{true, false} {
		if dial("127.0.0.1") != want {
			t.Errorf("after one has ended, connection %d comes in: %t", i+1, !want)
		}
	}
}

// Given addresses of peers, when they are counted, then a customer's IPv6 network is one.
func TestCounted(t *testing.T) {
	for a, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "fe80::1%lo": "fe80::",
	} {
		if got := listen.Counted(netip.MustParseAddr(a)); got != netip.MustParseAddr(want) {
			t.Errorf("%s counts as %s; want %s", a, got, want)
		}
	}
	if listen.Of(&net.UnixAddr{Name: "x"}).IsValid() {
		t.Error("a Unix socket has an address")
	}
}

// Given a server with a certificate in files, when they are replaced, then the next connection gets the new one; where they
// cannot be used, the one before, and it is said once; and no connection is older than TLS 1.3.
func TestCertificate(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if _, err := listen.ReadCertificate(cert, key, nil); err == nil {
		t.Fatal("files that are not there are read")
	}
	write := func(host string) {
		t.Helper()
		if err := listentest.Write(host, cert, key); err != nil {
			t.Fatal(err)
		}
	}
	write("one.test")
	var said []error
	c, err := listen.ReadCertificate(cert, key, func(err error) { said = append(said, err) })
	if err != nil {
		t.Fatal(err)
	}
	name := func() string {
		t.Helper()
		client, server := net.Pipe()
		defer client.Close()
		go func() { _ = tls.Server(server, c.Config(tls.VersionTLS13)).Handshake() }()
		conn := tls.Client(client, &tls.Config{InsecureSkipVerify: true})
		if err := conn.Handshake(); err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(conn.ConnectionState().PeerCertificates[0].Raw)
		if err != nil {
			t.Fatal(err)
		}
		return leaf.Subject.CommonName
	}
	if got := name(); got != "one.test" {
		t.Errorf("first it is %s", got)
	}
	write("another.test")
	if got := name(); got != "another.test" {
		t.Errorf("replaced, it is %s", got)
	}
	if err := os.WriteFile(cert, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if a, b := name(), name(); a != "another.test" || b != "another.test" || len(said) != 1 {
		t.Errorf("spoilt, it is %s and %s, and said is %v", a, b, said)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if got := name(); got != "another.test" {
		t.Errorf("without a key it is %s", got)
	}
	write("third.test")
	if got := name(); got != "third.test" {
		t.Errorf("mended, it is %s", got)
	}

	client, server := net.Pipe()
	defer client.Close()
	go func() { _ = tls.Server(server, c.Config(tls.VersionTLS13)).Handshake() }()
	if err := tls.Client(client, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}).Handshake(); err == nil {
		t.Error("TLS 1.2 is spoken without being asked for")
	}
}
