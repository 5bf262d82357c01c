package cli

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/term"
)

// progress shows on a terminal how far a job is, once it takes longer than people like to wait without a word.
type progress struct {
	a     *app
	what  string
	total int64 // 0: not known
	tty   bool
	begun time.Time
	shown time.Time
}

const (
	progressAfter = 500 * time.Millisecond
	progressEvery = 100 * time.Millisecond
)

func (a *app) newProgress(what string, total int64) *progress {
	f, ok := a.p.Err.(*os.File)
	return &progress{a: a, what: what, total: total, tty: ok && term.IsTerminal(int(f.Fd())), begun: time.Now()}
}

// at shows how much of the total is done; more says it in other words.
func (p *progress) at(done int64, more string) {
	now := time.Now()
	if !p.tty || now.Sub(p.begun) < progressAfter || now.Sub(p.shown) < progressEvery {
		return
	}
	p.shown = now
	if p.total > 0 {
		more = fmt.Sprintf("%3d %%  %s", min(100, 100*done/p.total), more)
	}
	fmt.Fprintf(p.a.p.Err, "\r\x1b[K%s  %s", p.what, more)
}

// end takes away what was shown.
func (p *progress) end() {
	if !p.shown.IsZero() {
		fmt.Fprint(p.a.p.Err, "\r\x1b[K")
		p.shown = time.Time{}
	}
}

// line says something beside the progress.
func (p *progress) line(text string) {
	p.end()
	p.a.say("%s", text)
}
