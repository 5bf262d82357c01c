package browsertest

import (
	"cmp"
	"context"
	"errors"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// Patience is how long anything is waited for.
const Patience = 60 * time.Second

// InsecureHost is a name that the browser finds at 127.0.0.1 and does not take for this machine: so pages from there are from an
// insecure origin, where browsers withhold WebCrypto.
const InsecureHost = "ledger.test"

// shared is the browser of this test binary.
var shared struct {
	sync.Mutex
	ctx  context.Context // of its first tab, which stays empty
	stop func()
	err  error
	ran  bool // Run was called, so somebody stops the browser
}

// Run runs a test binary's tests and stops the browser that they used. Call it from TestMain, with os.Exit.
func Run(m *testing.M) int {
	shared.ran = true
	defer func() {
		if shared.stop != nil {
			shared.stop()
		}
	}()
	return m.Run()
}

var errNoBrowser = errors.New("no Chromium is installed: chromium, chromium-browser and google-chrome are not on the path, and PERMLEDGER_CHROMIUM names none")

func program() (string, error) {
	for _, name := range []string{os.Getenv("PERMLEDGER_CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(cmp.Or(name, "no name")); err == nil {
			return path, nil
		}
	}
	return "", errNoBrowser
}

// without skips a test where a tool is missing; in CI it fails.
func without(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("PERMLEDGER_JUDGES") != "" {
		t.Fatalf("a judge is missing: %v", err)
	}
	t.Skipf("this is not tested: %v", err)
}

// browserContext starts the browser where it does not run yet.
func browserContext(t testing.TB) context.Context {
	t.Helper()
	if os.Getenv("PERMLEDGER_CHROMIUM") == "none" {
		t.Skip("PERMLEDGER_CHROMIUM=none: tests with a browser are not wanted in this run")
	}
	path, err := program()
	if err != nil {
		without(t, err)
	}
	if !shared.ran {
		t.Fatal("nobody would stop the browser: write func TestMain(m *testing.M) { os.Exit(browsertest.Run(m)) }")
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.ctx == nil && shared.err == nil {
		shared.ctx, shared.stop, shared.err = start(path)
	}
	if shared.err != nil {
		t.Fatalf("start %s: %v", path, shared.err)
	}
	return shared.ctx
}

func start(path string) (context.Context, func(), error) {
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.NoSandbox, // it shows our own pages alone, and in containers there often is none
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("no-proxy-server", true),
		// What a page asks of any other host is recorded, and never leaves this machine.
		chromedp.Flag("host-resolver-rules", "MAP "+InsecureHost+" 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost, EXCLUDE [::1]"),
	)
	ctx, stopAll := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, _ = chromedp.NewContext(ctx)
	stop := func() {
		bounded, cancel := context.WithTimeout(ctx, Patience)
		defer cancel()
		_ = chromedp.Cancel(bounded) // what does not end by itself is killed by the next line
		stopAll()
	}
	if err := chromedp.Do(ctx); err != nil {
		stop()
		return nil, nil, err
	}
	return ctx, stop, nil
}
