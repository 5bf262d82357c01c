package cli

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/client"
	"github.com/permledger/permledger/ledger/rules"
)

// problemOf gives the problem that a server answered with.
func problemOf(err error) (wire.Problem, bool) {
	if e := (*client.Error)(nil); errors.As(err, &e) {
		return e.Problem, true
	}
	return wire.Problem{}, false
}

// explainError gives the text of an error for people: what was being done, why it failed, and what they can do.
func explainError(err error) string {
	text := err.Error()
	if p, ok := problemOf(err); ok {
		said := (&client.Error{Problem: p}).Error()
		text = strings.Replace(text, said, problemText(p), 1)
	}
	if joined, lost := (*maybeJoinedError)(nil), (*client.UnknownError)(nil); errors.As(err, &joined) {
		// Whoever accepts may not look the command up: the code itself tells what became of it.
		text += fmt.Sprintf("\nAccept again with another --new-key: either you join then, or there is no such invitation any more, because you joined; then %s signs your commands: keep it till then", joined.file)
	} else if errors.As(err, &lost) {
		if errors.Is(err, client.ErrSilent) {
			return text + fmt.Sprintf("\nThe outcome of the command is unknown: send it again with the same id, or find out with `permledger show %s`, once the server answers", lost.ID)
		}
		text += fmt.Sprintf("\nFind out with `permledger show %s`, or in `permledger history`, before you try again", lost.ID)
	}
	if u := (*client.UnreachableError)(nil); errors.As(err, &u) && !u.InProcess() {
		if errors.Is(err, client.ErrSilent) {
			return text + "\nSomething takes connections there and does not answer: is the process stopped, or does its disk hang?"
		}
		text += "\nIs it running? `permledger serve --data DIR` starts a server"
	}
	return text
}

// problemText says a problem in words, a line for each thing there is to know.
func problemText(p wire.Problem) string {
	var b strings.Builder
	switch {
	case p.Detail != "":
		b.WriteString(p.Detail)
	default:
		b.WriteString(p.Title)
	}
	if code := p.Code(); code != "" {
		fmt.Fprintf(&b, " (%s)", code)
	}
	if p.Permission != "" && rules.Code(p.Code()) == rules.NotPermitted {
		fmt.Fprintf(&b, "\nIt takes the permission %s", p.Permission)
	}
	if len(p.Holders) > 0 {
		fmt.Fprintf(&b, "\nHeld by %s", strings.Join(p.Holders, ", "))
	}
	if len(p.Nearest) > 0 && !strings.Contains(p.Hint, p.Nearest[0]) {
		fmt.Fprintf(&b, "\nNear it: %s", strings.Join(p.Nearest, ", "))
	}
	for _, c := range p.Changes {
		fmt.Fprintf(&b, "\n  %d  %s  %s  %s", c.Seq, c.Time, cmp.Or(c.Actor, "somebody"), strings.Join(c.What, "; "))
		if c.Reason != "" {
			fmt.Fprintf(&b, "  (%s)", c.Reason)
		}
	}
	if p.Pointer != "" && !strings.Contains(p.Detail, p.Pointer) {
		fmt.Fprintf(&b, "\nIn the body at %s", p.Pointer)
	}
	if p.Hint != "" {
		b.WriteString("\n" + p.Hint)
	}
	return b.String()
}
