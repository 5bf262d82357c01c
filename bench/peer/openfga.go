package peer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"

	"github.com/permledger/permledger/bench/load"
	"github.com/permledger/permledger/bench/world"
)

const openfgaVersion = "v1.22.1"

// OpenFGA runs as it is shipped, with its memory store, its caches off as they are by default, and the model that is its
// fastest for these data: permissions and roles are objects, and the resource is a condition on who has the role.
var openfga = Peer{
	Name: "openfga",
	build: func(ctx context.Context, e *Env) error {
		return e.module(ctx, "openfga", "github.com/openfga/openfga", "./cmd/openfga", openfgaVersion)
	},
	start: startOpenFGA,
}

const openfgaModel = `{"schema_version":"1.1","type_definitions":[
{"type":"user"},
{"type":"role","relations":{"holder":{"this":{}}},"metadata":{"relations":{"holder":{"directly_related_user_types":[{"type":"user"},{"type":"user","condition":"on_resource"}]}}}},
{"type":"permission","relations":{"allowed":{"this":{}}},"metadata":{"relations":{"allowed":{"directly_related_user_types":[{"type":"role","relation":"holder"}]}}}}],
"conditions":{"on_resource":{"name":"on_resource","expression":"resource == scope","parameters":{"resource":{"type_name":"TYPE_NAME_STRING"},"scope":{"type_name":"TYPE_NAME_STRING"}}}}}`

// tuple is a relation as OpenFGA stores it.
type tuple struct {
	User      string          `json:"user"`
	Relation  string          `json:"relation"`
	Object    string          `json:"object"`
	Condition *tupleCondition `json:"condition,omitempty"`
}

type tupleCondition struct {
	Name    string            `json:"name"`
	Context map[string]string `json:"context"`
}

func startOpenFGA(ctx context.Context, e *Env) (*Server, error) {
	addr, err := address()
	if err != nil {
		return nil, err
	}
	grpc, err := address()
	if err != nil {
		return nil, err
	}
	metrics, err := address()
	if err != nil {
		return nil, err
	}
	p, err := e.run(ctx, "openfga", nil, e.binary("openfga", openfgaVersion), "run", "--datastore-engine", "memory",
		"--http-addr", addr, "--grpc-addr", grpc, "--metrics-addr", metrics, "--playground-enabled=false", "--log-level", "error")
	if err != nil {
		return nil, err
	}
	if err := p.listening(ctx, addr); err != nil {
		return nil, err
	}
	var store struct{ ID string }
	if err := post(ctx, "http://"+addr+"/stores", map[string]string{"name": "bench"}, &store); err != nil {
		return nil, err
	}
	base := "/stores/" + store.ID
	var model struct {
		ID string `json:"authorization_model_id"`
	}
	if err := post(ctx, "http://"+addr+base+"/authorization-models", json.RawMessage(openfgaModel), &model); err != nil {
		return nil, err
	}
	var tuples []tuple
	for _, r := range e.World.Roles {
		for _, name := range r.Permissions {
			tuples = append(tuples, tuple{User: "role:" + r.Name + "#holder", Relation: "allowed", Object: "permission:" + name})
		}
	}
	for _, b := range e.World.Bindings {
		one := tuple{User: "user:" + b.User, Relation: "holder", Object: "role:" + b.Role}
		if b.Resource != "" {
			one.Condition = &tupleCondition{"on_resource", map[string]string{"scope": b.Resource}}
		}
		tuples = append(tuples, one)
	}
	for len(tuples) > 0 {
		n := min(len(tuples), 100)
		body := map[string]any{"authorization_model_id": model.ID, "writes": map[string]any{"tuple_keys": tuples[:n]}}
		if err := post(ctx, "http://"+addr+base+"/write", body, nil); err != nil {
			return nil, err
		}
		tuples = tuples[n:]
	}
	return &Server{Process: p, Rows: rowsOfOpenFGA(e.World, addr, base, model.ID)}, nil
}

// openfgaBatch is how many checks a batch may have by default.
const openfgaBatch = 50

func rowsOfOpenFGA(w *world.World, addr, base, model string) []Row {
	type check struct {
		Model       string            `json:"authorization_model_id,omitempty"`
		Tuple       tuple             `json:"tuple_key"`
		Context     map[string]string `json:"context"`
		Correlation string            `json:"correlation_id,omitempty"`
	}
	one := load.Target{Addr: addr, Wrong: load.Expect("allowed", "true", "false", single(w))}
	many := load.Target{Addr: addr}
	var want [][]bool
	for checks := range slices.Chunk(w.Checks, openfgaBatch) {
		var right []bool
		all := struct {
			Model  string  `json:"authorization_model_id"`
			Checks []check `json:"checks"`
		}{Model: model}
		for i, c := range checks {
			question := check{Model: model, Tuple: tuple{User: "user:" + c.User, Relation: "allowed", Object: "permission:" + c.Permission}, Context: map[string]string{"resource": c.Resource}}
			one.Requests = append(one.Requests, load.Request("POST", addr, base+"/check", encoded(question)))
			question.Model, question.Correlation = "", fmt.Sprintf("%02d", i) // in the order of which the answers come
			all.Checks, right = append(all.Checks, question), append(right, c.Allowed)
		}
		many.Requests, want = append(many.Requests, load.Request("POST", addr, base+"/batch-check", encoded(all))), append(want, right)
	}
	many.Wrong = load.Expect("allowed", "true", "false", want)
	name := "OpenFGA " + openfgaVersion
	return []Row{
		{Name: name + ", HTTP check", Asks: 1, Target: one},
		{Name: name + fmt.Sprintf(", HTTP batch-check of %d", openfgaBatch), Asks: openfgaBatch, Target: many},
	}
}

// post sends a body as JSON, and reads the answer into what is given.
func post(ctx context.Context, url string, body, into any) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(b))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("POST %s: %s: %.300s", url, resp.Status, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}
