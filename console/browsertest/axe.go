package browsertest

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
)

//go:embed package.json
var packageJSON []byte

//go:embed package-lock.json
var packageLock []byte

// axeSource gives the text of axe-core, which npm fetches as package-lock.json pins it: once, into this user's cache.
var axeSource = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "permledger", fmt.Sprintf("browsertest-%x", sha256.Sum256(packageLock)))
	file := filepath.Join(dir, "node_modules", "axe-core", "axe.min.js")
	if b, err := os.ReadFile(file); err == nil {
		return string(b), nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	// Test binaries run side by side: each installs aside, and the first one's is kept.
	aside, err := os.MkdirTemp(filepath.Dir(dir), "installing-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(aside)
	for name, b := range map[string][]byte{"package.json": packageJSON, "package-lock.json": packageLock} {
		if err := os.WriteFile(filepath.Join(aside, name), b, 0o644); err != nil {
			return "", err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*Patience)
	defer cancel()
	npm := exec.CommandContext(ctx, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = aside
	if out, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(aside, "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		return "", err
	}
	_ = os.Rename(aside, dir) // who was first keeps it there
	return string(b), nil
})

// conformance is WCAG 2.2 at level AA, in axe's words.
var conformance = []string{"wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"}

// A violation is what axe found, as it writes it.
type violation struct {
	ID     string `json:"id"`
	Impact string `json:"impact"`
	Help   string `json:"help"`
	Nodes  []struct {
		Target  []any  `json:"target"` // a selector, or a list of them where it lies in a shadow tree
		HTML    string `json:"html"`
		Summary string `json:"failureSummary"`
	} `json:"nodes"`
}

func (v violation) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "axe %s (%s): %s", v.ID, v.Impact, v.Help)
	for i, n := range v.Nodes {
		if i == 10 {
			fmt.Fprintf(&s, "\n\tand %d more", len(v.Nodes)-i)
			break
		}
		fmt.Fprintf(&s, "\n\t%v  %s\n\t\t%s", n.Target, n.HTML, strings.ReplaceAll(n.Summary, "\n", "\n\t\t"))
	}
	return s.String()
}

// Axe holds the page, as it is shown now, against WCAG 2.2 AA with axe-core. Each violation fails the test, which goes on.
func (p *Page) Axe() {
	p.t.Helper()
	if err := p.axe(); err != nil {
		p.fatal("axe: %v", err)
	}
}

func (p *Page) axe() error {
	p.t.Helper()
	if _, err := exec.LookPath("npm"); err != nil {
		without(p.t, err)
	}
	source, err := axeSource()
	if err != nil {
		without(p.t, err)
	}
	p.settle()
	// In a world of its own the page's policy does not concern it, and nothing of it stays in the page. It needs timers.
	if !p.looks.script {
		p.looks.script = true
		p.look()
		defer func() {
			p.looks.script = false
			p.look()
		}()
	}
	tree := must(p, page.GetFrameTree, cdp.Empty{})
	world := must(p, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: tree.FrameTree.Frame.ID, WorldName: "axe"}).ExecutionContextID
	must(p, runtime.Evaluate, runtime.EvaluateParams{Expression: source + ";undefined", ContextID: world})
	expression, err := invocation(`async tags => JSON.stringify((await axe.run(document, {runOnly: {type: "tag", values: tags}, resultTypes: ["violations"]})).violations)`, []any{conformance})
	if err != nil {
		return err
	}
	answer := must(p, runtime.Evaluate, runtime.EvaluateParams{Expression: expression, ContextID: world, AwaitPromise: new(true), ReturnByValue: new(true)})
	if e := answer.ExceptionDetails; e != nil {
		return fmt.Errorf("in the page: %s", exception(e))
	}
	var found string
	var violations []violation
	if err := json.Unmarshal(answer.Result.Value, &found); err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(found), &violations); err != nil {
		return err
	}
	for _, v := range violations {
		p.watch.wrong("%s\n\tshown %s", v, p.looks)
	}
	return nil
}
