package api_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/permledger/permledger/api"
	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/node"
)

// What decisions are measured on: each user has a few roles, each on a resource or everywhere.
const (
	benchUsers, benchRoles, benchPerms, benchResources = 200, 20, 100, 100
	permsOfRole, rolesOfUser                           = 10, 3
)

type benchQuestion struct{ user, permission, resource string }

// benchWorld is a node with that data, the address of its API, and the floor's map of what is allowed.
func benchWorld(b *testing.B) (url string, allowed map[benchQuestion]bool) {
	b.Helper()
	dir := filepath.Join(b.TempDir(), "data")
	if err := node.Init(dir, "ledger.test"); err != nil {
		b.Fatal(err)
	}
	n, err := node.Open(b.Context(), dir, node.Options{})
	if err != nil {
		b.Fatal(err)
	}
	srv := httptest.NewServer(api.New(n, api.Options{Token: token}))
	b.Cleanup(func() {
		srv.Close()
		if err := n.Close(); err != nil {
			b.Error(err)
		}
	})
	c := client.New(srv.URL, token, srv.Client())
	owner := keyOf("acme/owner")
	record := func(p wire.Prepared, err error) {
		if err == nil {
			_, err = c.SignAndRecord(b.Context(), "acme", p, owner, nil)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	record(c.PrepareOpening(b.Context(), wire.Opening{
		Organization: "acme", Name: "Acme", Profile: "plain", OwnerKey: "owner", OwnerKind: "human",
		Credential: did("acme/owner"), Root: did("acme/root"), OperatorKey: did("operator"),
	}))
	do := func(in wire.Intent) {
		in.Credential = did("acme/owner")
		record(c.Prepare(b.Context(), "acme", in))
	}
	perms := map[string][]string{}
	for r := range benchRoles {
		role := fmt.Sprintf("role-%d", r)
		for p := range permsOfRole {
			perms[role] = append(perms[role], fmt.Sprintf("perm-%d", (7*r+3*p)%benchPerms))
		}
		slices.Sort(perms[role])
		do(wire.Intent{Kind: wire.CreateRole, Role: role, Permissions: perms[role]})
	}
	allowed = map[benchQuestion]bool{}
	for u := range benchUsers {
		user := fmt.Sprintf("user-%d", u)
		do(wire.Intent{Kind: wire.AddSubject, Subject: user, SubjectKind: "human"})
		for k := range rolesOfUser {
			role, resource := fmt.Sprintf("role-%d", (u+7*k)%benchRoles), ""
			on := []string{fmt.Sprintf("res-%d", (u*3+k)%benchResources)}
			if k == 0 {
				on = nil
				for r := range benchResources {
					on = append(on, fmt.Sprintf("res-%d", r))
				}
			} else {
				resource = "record/" + on[0]
			}
			do(wire.Intent{Kind: wire.AssignRole, Role: role, Subject: user, Scope: resource})
			for _, p := range perms[role] {
				for _, r := range on {
					allowed[benchQuestion{user, p, r}] = true
				}
			}
		}
	}
	return srv.URL, allowed
}

// benchFloor is what a service that looks a map up costs with net/http and encoding/json.
func benchFloor(b *testing.B, allowed map[benchQuestion]bool) string {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /orgs/{org}/access/v1/evaluation", func(w http.ResponseWriter, r *http.Request) {
		var q wire.Evaluation
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(wire.AuthZENDecision{Decision: allowed[benchQuestion{q.Subject.ID, q.Action.Name, q.Resource.ID}]})
	})
	srv := httptest.NewServer(mux)
	b.Cleanup(srv.Close)
	return srv.URL
}

// load sends requests for a while, as fast as they are answered, and gives how many a second and their p99. Each answer
// must be the one that belongs to its request.
func load(b *testing.B, url string, clients int, requests, answers [][]byte, d time.Duration) (perSecond float64, p99 time.Duration) {
	addr := strings.TrimPrefix(url, "http://")
	var all []time.Duration
	var mu sync.Mutex
	var wg sync.WaitGroup
	begin := time.Now()
	for n := range clients {
		wg.Go(func() {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			in := bufio.NewReaderSize(conn, 64<<10)
			body := make([]byte, 64<<10)
			var took []time.Duration
			for i := n * 7919; time.Since(begin) < d; i++ {
				start := time.Now()
				if _, err := conn.Write(requests[i%len(requests)]); err != nil {
					b.Error(err)
					return
				}
				got, err := readAnswer(in, body)
				if err != nil || !bytes.Equal(bytes.TrimSpace(got), answers[i%len(requests)]) {
					b.Errorf("got %s %v, want %s", got, err, answers[i%len(requests)])
					return
				}
				took = append(took, time.Since(start))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
		})
	}
	wg.Wait()
	elapsed := time.Since(begin)
	slices.Sort(all)
	return float64(len(all)) / elapsed.Seconds(), all[len(all)*99/100]
}

// readAnswer reads one answer, the length of which its header says.
func readAnswer(in *bufio.Reader, body []byte) ([]byte, error) {
	length := -1
	for first := true; ; first = false {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
			return nil, fmt.Errorf("%s", line)
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return nil, err
			}
		}
		if len(bytes.TrimSpace(line)) == 0 {
			break
		}
	}
	if length < 0 {
		return nil, fmt.Errorf("an answer without its length")
	}
	_, err := io.ReadFull(in, body[:length])
	return body[:length], err
}

func benchRequest(path, body string) []byte {
	return fmt.Appendf(nil, "POST /orgs/acme/access/v1/%s HTTP/1.1\r\nHost: pdp\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s",
		path, apiKey("acme", "owner"), len(body), body)
}

// Each round measures the floor, single decisions and batches of 100 over the same loop, one after the other; what is
// reported is the best round of each. Run it with -benchtime 5x on a quiet machine.
func BenchmarkAuthZEN(b *testing.B) {
	url, allowed := benchWorld(b)
	floor := benchFloor(b, allowed)
	var singles, answers, batches, batchAnswers [][]byte
	var items, decisions []string
	for n := range 5000 {
		q := benchQuestion{fmt.Sprintf("user-%d", n%benchUsers), fmt.Sprintf("perm-%d", (n*13)%benchPerms), fmt.Sprintf("res-%d", (n*17)%benchResources)}
		body := fmt.Sprintf(`{"subject":{"type":"user","id":%q},"action":{"name":%q},"resource":{"type":"record","id":%q}}`, q.user, q.permission, q.resource)
		answer := fmt.Sprintf(`{"decision":%v}`, allowed[q])
		singles, answers = append(singles, benchRequest("evaluation", body)), append(answers, []byte(answer))
		if items, decisions = append(items, body), append(decisions, answer); len(items) == 100 {
			batches = append(batches, benchRequest("evaluations", `{"evaluations":[`+strings.Join(items, ",")+"]}"))
			batchAnswers = append(batchAnswers, []byte(`{"evaluations":[`+strings.Join(decisions, ",")+"]}"))
			items, decisions = nil, nil
		}
	}
	for _, clients := range []int{1, 32} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			var base, single, batch float64
			p99 := time.Hour
			for range b.N {
				const d = time.Second
				f, _ := load(b, floor, clients, singles, answers, d)
				s, p := load(b, url, clients, singles, answers, d)
				m, _ := load(b, url, clients, batches, batchAnswers, d)
				base, single, batch, p99 = max(base, f), max(single, s), max(batch, 100*m), min(p99, p)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(base, "floor/s")
			b.ReportMetric(single, "decisions/s")
			b.ReportMetric(single/base, "of-floor")
			b.ReportMetric(batch/single, "batch-ratio")
			b.ReportMetric(float64(p99.Microseconds()), "p99-us")
		})
	}
}
