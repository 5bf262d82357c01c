package browsertest

import (
	"os"
	"path/filepath"
	"regexp"

	"github.com/chromedp/cdproto/page"
)

// tallest is how many pixels of a page a picture shows at most.
const tallest = 6000

var unfit = regexp.MustCompile(`[^\pL\pN._-]+`)

// folder is where this test's pictures stand.
func (p *Page) folder() string {
	dir := os.Getenv("PERMLEDGER_SCREENSHOTS")
	if dir == "" {
		if a, ok := p.t.(interface{ ArtifactDir() string }); ok {
			return a.ArtifactDir()
		}
		return p.t.TempDir()
	}
	return filepath.Join(dir, unfit.ReplaceAllString(p.t.Name(), "_"))
}

// Screenshot keeps a picture of the whole page as NAME.png and gives its path.
func (p *Page) Screenshot(name string) string {
	p.t.Helper()
	p.settle()
	path, err := p.picture(name)
	if err != nil {
		p.fatal("picture: %v", err)
	}
	return path
}

func (p *Page) picture(name string) (string, error) {
	tall, err := eval[float64](p, `() => Math.max(document.documentElement.scrollHeight, window.innerHeight)`)
	if err != nil {
		return "", err
	}
	shot, err := call(p, page.CaptureScreenshot, page.CaptureScreenshotParams{
		CaptureBeyondViewport: new(true),
		Clip:                  &page.Viewport{Width: float64(p.looks.width), Height: min(tall, tallest), Scale: 1},
	})
	if err != nil {
		return "", err
	}
	return p.write(unfit.ReplaceAllString(name, "_")+".png", shot.Data)
}

func (p *Page) write(name string, b []byte) (string, error) {
	dir := p.folder()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		return "", err
	}
	return path, nil
}

// keep keeps what a page was like when something was wrong.
func (p *Page) keep(name string) {
	p.t.Helper()
	path, err := p.picture(name)
	if err != nil {
		p.t.Logf("no picture of it: %v", err)
		return
	}
	if os.Getenv("PERMLEDGER_SCREENSHOTS") == "" {
		path += " (go test removes it, unless it is run with -artifacts, or PERMLEDGER_SCREENSHOTS names a folder)"
	}
	p.t.Logf("a picture of it: %s", path)
}

// Print prints the page on A4, keeps it as NAME.pdf, and gives its path.
func (p *Page) Print(name string) string {
	p.t.Helper()
	p.settle()
	pdf := must(p, page.PrintToPDF, page.PrintToPDFParams{PaperWidth: 8.27, PaperHeight: 11.69, PreferCSSPageSize: new(true)})
	path, err := p.write(unfit.ReplaceAllString(name, "_")+".pdf", pdf.Data)
	if err != nil {
		p.t.Fatal(err)
	}
	return path
}
