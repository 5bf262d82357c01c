package peer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/permledger/permledger/bench/world"
	"github.com/permledger/permledger/manifest"
)

var small = world.Sizes{Users: 20, Roles: 6, Permissions: 40, Resources: 10, PerRole: 4, PerUser: 2, Scoped: 20, Checks: 200}

// What is sent is HTTP with the question in it, and what is right stands at the same place of the list.
func TestRequestsAskWhatTheWorldAsks(t *testing.T) {
	w := world.Make(small, 1)
	rows := rowsOfPermledger(w, "127.0.0.1:1", "Authorization: Bearer x")
	for i, c := range w.Checks {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(rows[0].Target.Requests[i])))
		if err != nil {
			t.Fatal(err)
		}
		var e evaluation
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			t.Fatal(err)
		}
		if e != evaluationOf(c) || e.Resource.Type+"/"+e.Resource.ID != c.Resource || r.Header.Get("Authorization") != "Bearer x" {
			t.Fatalf("%+v asks for %+v", e, c)
		}
		q, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(rows[2].Target.Requests[i])))
		if err != nil {
			t.Fatal(err)
		}
		if v := q.URL.Query(); v.Get("subject") != c.User || v.Get("permission") != "bench:"+c.Permission || v.Get("resource") != c.Resource {
			t.Fatalf("%s asks for %+v", q.URL, c)
		}
	}
	if n := len(rows[1].Target.Requests); n*batch != small.Checks {
		t.Errorf("%d batches", n)
	}
}

func TestTheWorldIsWrittenWhole(t *testing.T) {
	w := world.Make(small, 1)
	dir := filepath.Join(t.TempDir(), "world")
	if err := writeWorld(dir, w); err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	scoped := 0
	for _, b := range m.Bindings {
		if b.Scope != "" {
			scoped++
		}
	}
	if len(m.Roles) != small.Roles || len(m.Subjects) != small.Users || len(m.Bindings) != len(w.Bindings) || scoped != small.Scoped {
		t.Errorf("%d roles, %d subjects, %d bindings, %d scoped", len(m.Roles), len(m.Subjects), len(m.Bindings), scoped)
	}
}

// Every peer that is there answers every question as the oracle does. OpenFGA and Cerbos take minutes to build, so they are
// left out where the directory PERMLEDGER_BENCH_CACHE does not have them.
func TestPeersAgreeWithTheOracle(t *testing.T) {
	if os.Getenv("PERMLEDGER_LONG") == "" {
		t.Skip("PERMLEDGER_LONG=1 builds and starts the peers")
	}
	bench, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	cache := os.Getenv("PERMLEDGER_BENCH_CACHE")
	e := &Env{World: world.Make(world.Standard, world.Seed), Cache: cache, Bench: bench, Say: t.Logf}
	for _, p := range All {
		t.Run(p.Name, func(t *testing.T) {
			if version := map[string]string{"openfga": openfgaVersion, "cerbos": cerbosVersion}[p.Name]; version != "" {
				if _, err := os.Stat(e.binary(p.Name, version)); err != nil {
					t.Skip("it is not built: ", err)
				}
			}
			e := *e
			e.Dir = t.TempDir()
			s, err := p.Start(t.Context(), &e)
			if s != nil {
				defer s.Stop()
			}
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range s.Rows {
				wrong, asked := 0, 0
				for i, request := range r.Target.Requests {
					n, err := once(r, i, request)
					if err != nil {
						t.Fatalf("%s: %v", r.Name, err)
					}
					wrong, asked = wrong+n, asked+r.Asks
				}
				if wrong > 0 || asked != len(e.World.Checks) {
					t.Errorf("%s: %d of %d are wrong", r.Name, wrong, asked)
				}
			}
			if s.CPU() == 0 || s.Memory() == 0 {
				t.Errorf("it took %s and %d bytes", s.CPU(), s.Memory())
			}
		})
	}
}

// once asks through net/http, which reads answers in its own way.
func once(r Row, i int, request []byte) (int, error) {
	q, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(request)))
	if err != nil {
		return 0, err
	}
	q.URL.Scheme, q.URL.Host, q.RequestURI = "http", r.Target.Addr, ""
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	return r.Target.Wrong(i, resp.StatusCode, body)
}

// A program that ends at once says why, and is not waited for.
func TestAProcessThatEndsSaysWhy(t *testing.T) {
	e := &Env{Dir: t.TempDir()}
	p, err := e.run(t.Context(), "broken", nil, "sh", "-c", "echo no such thing; exit 3")
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	err = p.listening(t.Context(), "127.0.0.1:1")
	if err == nil || !strings.Contains(err.Error(), "no such thing") {
		t.Errorf("%v, after %s", err, time.Since(begun))
	}
	p.Stop()
}
