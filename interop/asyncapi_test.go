package interop

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Given the AsyncAPI document of our streams, when the AsyncAPI project's own parser reads it, then it finds nothing wrong,
// the schemas of the messages included, and all channels.
func TestAsyncAPIDocument(t *testing.T) {
	dir := javascript(t, "asyncapi", "parse.mjs")
	path, err := filepath.Abs("../docs/asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "parse.mjs", path)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("parse.mjs: %v\n%s", err, out)
	}
	var got struct {
		Wrong    []string
		Version  string
		Channels []string
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	want := []string{
		"", // of webhooks: the administrator says where
		"/v1/orgs/{organization}/activity", "/v1/orgs/{organization}/changes", "changes.{organization}.{kind}",
		"checkpoints.{organization}", "ledger.{organization}.{type}", "topic.{organization}",
	}
	if len(got.Wrong) > 0 || !strings.HasPrefix(got.Version, "3.") || !slices.Equal(got.Channels, want) {
		t.Errorf("%+v", got)
	}
}
