package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/ledger/chain"
)

func TestEntriesVerify(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.desk("acme", "plain")
		var v chain.Verifier
		for raw, err := range w.Entries(t.Context(), "acme", 0, 0) {
			if err != nil {
				t.Fatal(err)
			}
			if err := v.Next(chain.Inspect(raw), ""); err != nil {
				t.Fatal(err)
			}
		}
		if n, _ := v.Head(); n != 6 {
			t.Errorf("verified up to %d; want 6", n)
		}
		n := uint64(3)
		for raw, err := range w.Entries(t.Context(), "acme", 3, 5) {
			e, err1 := w.Entry(t.Context(), "acme", fmt.Sprint(n))
			if err := errors.Join(err, err1); err != nil || string(e.Entry) != string(raw) || e.CID != chain.CID(raw) || !strings.HasPrefix(e.Subject, "ledger.acme.") {
				t.Fatalf("entry %d: %v; both ways must give the same bytes", n, err)
			}
			n++
		}
		if n != 6 {
			t.Errorf("3 to 5 ended before %d", n)
		}
		for _, err := range w.Entries(t.Context(), "acme", 3, 9) {
			if client.CodeOf(err) != "not-found" {
				t.Errorf("entries beyond the last: %v", err)
			}
		}
	})
}

func TestWatch(t *testing.T) {
	both(t, func(t *testing.T, w *world) {
		w.desk("acme", "plain")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		want := uint64(4)
		for item, err := range w.Watch(ctx, "acme", 4) {
			if want == 8 {
				if !errors.Is(err, context.Canceled) {
					t.Errorf("after the end: %+v, %v", item, err)
				}
				break
			}
			if err != nil || item.Seq != want {
				t.Fatalf("%+v, %v; want %d", item, err, want)
			}
			if want++; want == 7 { // what is recorded from now on comes, too
				w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "new"})
			}
			if want == 8 {
				if item.About != "role:new" || item.What == nil {
					t.Errorf("%+v", item)
				}
				cancel()
			}
		}
		if want != 8 {
			t.Errorf("the watch ended before %d", want)
		}
	})
}

func TestWatchAsServerSentEvents(t *testing.T) {
	w := newWorld(t)
	w.desk("acme", "plain")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/v1/orgs/acme/watch?from=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "text/html, text/event-stream;q=0.9")
	req.Header.Set("Last-Event-ID", "5")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("media type %q", got)
	}
	var id uint64
	var typ, data string
	buf := make([]byte, 64<<10)
	n, err := resp.Body.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(string(buf[:n]), "id: %d\nevent: %s\n", &id, &typ); err != nil || id != 6 || typ != "role.assigned" {
		t.Errorf("%q: %v; want event 6 first", buf[:n], err)
	}
	_, data, _ = strings.Cut(string(buf[:n]), "data: ")
	var item wire.Item
	if err := json.Unmarshal([]byte(strings.TrimSpace(data)), &item); err != nil || item.Seq != 6 {
		t.Errorf("%q: %v", data, err)
	}
}

func TestDocumentsAndTopic(t *testing.T) {
	w := newWorld(t)
	w.open("acme", "guardian")
	w.do("acme", wire.Intent{Kind: wire.PublishCatalogue, Embedded: "guardian"})                                                // 2
	w.do("acme", wire.Intent{Kind: wire.CreateRole, Role: "desk", Permissions: []string{"POLICIES_POLICY_READ"}})               // 3
	w.do("acme", wire.Intent{Kind: wire.AddSubject, Subject: "bob", SubjectKind: "human", DID: "did:hedera:testnet:bob_0.0.1"}) // 4
	w.do("acme", wire.Intent{Kind: wire.AssignRole, Role: "desk", Subject: "bob"})                                              // 5
	w.do("acme", wire.Intent{Kind: wire.RevokeRole, Role: "desk", Subject: "bob"})                                              // 6
	list, err := w.Documents(t.Context(), "acme", "", "")
	if err != nil || len(list.Items) == 0 {
		t.Fatalf("%+v, %v", list, err)
	}
	about, err := w.Documents(t.Context(), "acme", "role:desk", "")
	if err != nil || len(about.Items) != 1 || about.Items[0].Seq != 3 {
		t.Errorf("documents about the role: %+v, %v", about.Items, err)
	}
	for _, d := range list.Items {
		file, err := w.Document(t.Context(), "acme", d.CID)
		if err != nil || chain.CID(file) != d.CID {
			t.Errorf("document %s: %v; its bytes have the CID %s", d.CID, err, chain.CID(file))
		}
	}
	messages := 0
	for line, err := range w.Topic(t.Context(), "acme", 0) {
		var m struct{ Action string }
		if err := errors.Join(err, json.Unmarshal(line, &m)); err != nil || m.Action == "" {
			t.Fatalf("%s: %v", line, err)
		}
		messages++
	}
	if messages != len(list.Items) {
		t.Errorf("%d messages for %d documents", messages, len(list.Items))
	}
	for range w.Topic(t.Context(), "acme", 6) {
		messages--
	}
	if messages != len(list.Items)-1 {
		t.Errorf("%d messages from entry 6 on", len(list.Items)-messages)
	}
}

func TestActivityHoldsRefusedCommands(t *testing.T) {
	w := newWorld(t)
	w.desk("acme", "plain")
	before, err := w.Activity(t.Context(), "acme", 0)
	if err != nil || len(before.Items) != 0 {
		t.Fatalf("%+v, %v", before, err)
	}
	_, _, refused := w.try("acme", "bob", wire.Intent{Kind: wire.DeleteRole, Confirm: true, Role: "desk"})
	if client.CodeOf(refused) != "not-permitted" {
		t.Fatal(refused)
	}
	o, err := w.node.Org("acme")
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range o.Activity.Feed().Follow(t.Context(), 1) { // it is written a little later
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	got, err := w.Activity(t.Context(), "acme", 10)
	if err != nil || len(got.Items) != 1 {
		t.Fatalf("%+v, %v; want one record", got, err)
	}
	if a := got.Items[0]; a.Code != "not-permitted" || a.Actor != "bob" || a.About != "role:desk" || a.Type != "role.deleted" || a.Credential != did("acme/bob") {
		t.Errorf("%+v", a)
	}
}
