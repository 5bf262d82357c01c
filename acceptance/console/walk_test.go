package console_test

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/permledger/permledger/console/browsertest"
)

// walk is a browser on its way through the console of a dev ledger.
type walk struct {
	*browsertest.Page
	*dev
	t      *testing.T
	script bool
}

// enter opens the address that dev printed, chooses a password, and is signed in.
func enter(t *testing.T, script bool) *walk {
	t.Helper()
	d := startDev(t)
	w := &walk{Page: browsertest.Open(t, d.server), dev: d, t: t, script: script}
	w.Script(script)
	w.Go(d.address)
	w.See("Sign in to acme")
	if !script { // which takes the code out of the address
		code := d.address[len(d.address)-23:]
		w.Fill("The code that permledger showed in the terminal", code)
	}
	w.picture("sign-in")
	w.Fill("The password that you want to have: 15 characters or more", password)
	w.Click("Set the password and sign in")
	w.At("/console/acme/overview")
	return w
}

// pictures are those of docs/console.md.
var pictures = filepath.Join("..", "..", "docs", "console")

// picture keeps what the page looks like, for whoever changed it; with -rewrite also for docs/console.md.
func (w *walk) picture(name string) {
	w.t.Helper()
	if !w.script {
		w.Screenshot(name)
		return
	}
	path := w.Screenshot(name)
	if !*rewrite {
		return
	}
	f, err := os.Open(path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	shot, err := png.Decode(f)
	if err != nil {
		w.t.Fatal(err)
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, fewColours(shot)); err != nil {
		w.t.Fatal(err)
	}
	if err := os.MkdirAll(pictures, 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(pictures, name+".png"), b.Bytes(), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// tallest is how many pixels of a page a picture of the documentation shows.
const tallest = 1000

// fewColours gives the upper part of a picture in its 64 most frequent colours: text on plain ground has few more.
func fewColours(shot image.Image) image.Image {
	box := shot.Bounds()
	box.Max.Y = min(box.Max.Y, box.Min.Y+tallest)
	often := map[color.Color]int{}
	for y := box.Min.Y; y < box.Max.Y; y++ {
		for x := box.Min.X; x < box.Max.X; x++ {
			often[color.RGBAModel.Convert(shot.At(x, y))]++
		}
	}
	var palette color.Palette
	for c := range often {
		palette = append(palette, c)
	}
	slices.SortFunc(palette, func(a, b color.Color) int { return often[b] - often[a] })
	small := image.NewPaletted(box, palette[:min(64, len(palette))])
	draw.Draw(small, box, shot, box.Min, draw.Src)
	return small
}

// Given the README's section about the browser, then what it shows is what dev says, and what it names is on the pages.
func TestReadme(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "## Look at it in a browser\n")
	text, _, _ = strings.Cut(text, "\n## ")
	_, block, _ := strings.Cut(text, "```text\n$ go run ./cmd/permledger dev\n")
	block, text, _ = strings.Cut(block, "```\n")
	w := enter(t, false)
	for line := range strings.Lines(block) {
		pattern := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSuffix(line, "\n")), "…", ".*")
		if !regexp.MustCompile("(?m)^" + pattern + "$").MatchString(w.said) {
			t.Errorf("the README shows %q, and dev says:\n%s", line, w.said)
		}
	}
	names := regexp.MustCompile(`\*\*(.*?)\*\*`).FindAllStringSubmatch(text, -1)
	if len(names) < 5 || names[0][1] != "Set the password and sign in" { // which was pressed
		t.Fatalf("the README names %q", names)
	}
	for _, name := range names[1:] {
		w.Click(name[1])
	}
}

var named = regexp.MustCompile(`\]\(console/([a-z0-9-]+\.png)\)`)

// Given docs/console.md, then each picture that it names is there, none is there that it does not name, and together they are small.
func TestPictures(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(pictures, "..", "console.md"))
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	for _, m := range named.FindAllSubmatch(page, -1) {
		shown = append(shown, string(m[1]))
	}
	files, err := os.ReadDir(pictures)
	if err != nil {
		t.Fatal(err)
	}
	var all int64
	for _, f := range files {
		info, err := f.Info()
		if err != nil {
			t.Fatal(err)
		}
		all += info.Size()
		if i := slices.Index(shown, f.Name()); i >= 0 {
			shown = slices.Delete(shown, i, i+1)
		} else {
			t.Errorf("docs/console/%s is shown nowhere", f.Name())
		}
	}
	if len(shown) > 0 || len(files) == 0 {
		t.Errorf("docs/console.md names pictures that are not there, or twice: %q", shown)
	}
	if most := int64(1500 << 10); all > most {
		t.Errorf("the pictures have %d bytes, and should have %d at most", all, most)
	}
}
