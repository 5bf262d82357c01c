package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/client/replica"
	"github.com/permledger/permledger/node"
)

// realServer is a real server, which is killed and started again.
type realServer struct {
	t        *testing.T
	data     string
	http     string
	nats     string
	token    string
	cmd      *exec.Cmd
	said     *bytes.Buffer
	pins     string
	commands *client.Client
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (s *realServer) run(args ...string) string {
	s.t.Helper()
	c := exec.Command("permledger", args...)
	c.Env = s.env()
	out, err := c.CombinedOutput()
	if err != nil {
		s.t.Fatalf("permledger %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (s *realServer) env() []string {
	return append(os.Environ(), "PERMLEDGER_DATA="+s.data, "PERMLEDGER_PINS="+s.pins, "PERMLEDGER_ORG=", "PERMLEDGER_KEY=", "PERMLEDGER_SIGNER=")
}

func (s *realServer) start() {
	s.t.Helper()
	s.said = &bytes.Buffer{}
	s.cmd = exec.Command("permledger", "serve", "--data", s.data, "--listen", s.http, "--nats-listen", s.nats)
	s.cmd.Env, s.cmd.Stderr = s.env(), s.said
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.await("the server answers", func() bool {
		_, err := client.New("http://"+s.http, "", nil).Health(s.t.Context())
		return err == nil
	})
	token, err := os.ReadFile(filepath.Join(s.data, "run", "token"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.token = strings.TrimSpace(string(token))
	s.commands = client.New("http://"+s.http, s.token, nil)
}

func (s *realServer) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

func (s *realServer) await(what string, so func() bool) {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("%s: not in a minute", what)
		}
	}
}

// Given a replica of a real server, as a reader, while the server is killed and started again, then the replica has each entry once
// and answers at each position as the server does at that position.
func TestAReplicaOutlivesItsServer(t *testing.T) {
	t.Parallel()
	s := &realServer{t: t, data: filepath.Join(t.TempDir(), "L"), http: freePort(t), nats: freePort(t), pins: t.TempDir()}
	s.run("init", s.data)
	s.start()
	defer func() { s.kill() }()
	seed := filepath.Join(t.TempDir(), "billing.nk")
	s.run("user", "add", "billing", "--kind", "technical")
	s.run("grant", "ledger:history.read", "to", "billing")
	s.run("reader", "create", "billing", "--out", seed)
	s.run("role", "create", "Cashier", "--allow", "invoice.pay")
	org, err := s.commands.Organization(t.Context(), "main", client.Read{})
	if err != nil {
		t.Fatal(err)
	}
	open := func(dir string) *replica.Replica {
		r, err := replica.Open(t.Context(), replica.Options{
			URL: "nats://" + s.nats, Seed: seed, Organization: "main", Dir: dir, Genesis: org.Genesis, MaxAge: time.Minute,
		})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	dir := t.TempDir()
	r := open(dir)
	defer func() { _ = r.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := r.Fresh(ctx); err != nil {
		t.Fatal(err)
	}
	seen := make(chan uint64, 1000)
	entries := r.Entries(ctx, 1)
	go func() { // every entry comes once, whatever happens to the server
		defer close(seen)
		for en, err := range entries {
			if err != nil {
				return
			}
			seen <- en.Event.Sequence
		}
	}()
	people, last := []string{"billing"}, uint64(0)
	rounds := 1
	if os.Getenv("PERMLEDGER_LONG") == "1" {
		rounds = 10
	}
	for round := range rounds {
		owner := s.author()
		for i := range 4 {
			name := fmt.Sprintf("user%d-%d", round, i)
			if _, err := owner.AddSubject(ctx, client.Subject{Key: name, Kind: "human"}); err != nil {
				t.Fatal(err)
			}
			people = append(people, name)
			var receipt wire.Receipt
			who := people[rand.N(len(people))]
			if rand.N(2) == 0 {
				receipt, err = owner.AssignRole(ctx, who, "cashier", client.When{Scope: []string{"", "desk/1"}[rand.N(2)]})
			} else {
				receipt, err = owner.SetRoles(ctx, who)
			}
			if client.CodeOf(err) == "no-change" {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			last = receipt.Seq
			if err := r.AtLeast(ctx, last); err != nil {
				t.Fatal(err)
			}
			for _, who := range people {
				for _, resource := range []string{"", "desk/1", "desk/2"} {
					want, err := s.commands.Check(ctx, "main", who, "invoice.pay", resource, client.Read{AsOf: fmt.Sprint(last)})
					if err != nil {
						t.Fatal(err)
					}
					if got, err := r.Check(who, "invoice.pay", resource); err != nil || got != want.Allowed {
						t.Fatalf("position %d, %s, %q: %v, %v; the server says %v", last, who, resource, got, err, want.Allowed)
					}
				}
			}
		}
		s.kill()
		// while it is away the replica answers from what it has
		if _, err := r.Check("billing", "ledger:history.read", ""); err != nil {
			t.Fatal(err)
		}
		s.start()
		before := r.Status().Proven
		s.await("the replica hears of the server again", func() bool { return r.Status().Proven.After(before) })
	}
	for want := uint64(1); want <= last; want++ {
		if got := <-seen; got != want {
			t.Fatalf("entry %d came; want %d", got, want)
		}
	}
	// and it begins again where it ended
	position := r.Status().Position
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r = open(dir)
	if at := r.Status().Position; at != position {
		t.Errorf("it begins at %d; want %d", at, position)
	}
	if err := r.Fresh(ctx); err != nil {
		t.Fatal(err)
	}
}

// author records as the owner.
func (s *realServer) author() *client.Author {
	s.t.Helper()
	key, err := node.ReadKey(filepath.Join(s.data, "keys", "owner.key"))
	if err != nil {
		s.t.Fatal(err)
	}
	a, err := s.commands.Author("main", key)
	if err != nil {
		s.t.Fatal(err)
	}
	return a
}
