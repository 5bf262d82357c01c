package api

import (
	"bufio"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/permledger/permledger/api/wire"
	"github.com/permledger/permledger/events"
	"github.com/permledger/permledger/events/canon"
	"github.com/permledger/permledger/ledger"
	"github.com/permledger/permledger/ledger/chain"
	"github.com/permledger/permledger/ledger/private"
	"github.com/permledger/permledger/ledger/rules"
)

func badCommand(format string, args ...any) error {
	return problemOf(http.StatusUnprocessableEntity, wire.CodeBadCommand, clip(fmt.Sprintf(format, args...)))
}

// request reads a submission. Whether the signature holds is for the ledger to say.
func request(s wire.Submission) (ledger.Request, error) {
	var r ledger.Request
	cmd, signed, err := events.ParseCommand(s.Command)
	if err != nil {
		return r, badCommand("The command: %v", err)
	}
	ev, err := evidence(s, &cmd, signed)
	if err != nil {
		return r, err
	}
	cmd.Auth = events.Auth{Method: chain.MethodOf(ev.Algorithm), Credential: ev.Key}
	if cmd.Auth.Method == "" {
		return r, badCommand("The evidence is by %s, which this release does not know", ev.Algorithm)
	}
	r = ledger.Request{Command: cmd, Evidence: ev}
	for _, t := range s.Texts {
		salt, err := base64.RawURLEncoding.Strict().DecodeString(t.Salt)
		if err != nil || len(salt) != 32 {
			return ledger.Request{}, badCommand("A text's salt is no 32 bytes in base64url")
		}
		if err := canon.Text.Check(t.Text); err != nil {
			return ledger.Request{}, badCommand("A text: %v", err)
		}
		r.Texts = append(r.Texts, private.Text{Salt: [32]byte(salt), Text: t.Text})
	}
	return r, nil
}

// evidence reads, or makes, the evidence of a submitted command.
func evidence(s wire.Submission, cmd *events.Command, signed events.Signed) (*chain.Evidence, error) {
	if s.Wallet != nil {
		if s.Evidence != nil {
			return nil, badCommand("The command comes with evidence and with a wallet's signature; one of them proves it")
		}
		return walletEvidence(*s.Wallet, cmd, signed)
	}
	ev := new(chain.Evidence)
	if err := canon.Decode(s.Evidence, ev.Members); err != nil {
		return nil, badCommand("The evidence: %v", err)
	}
	seen := signed.Seen == nil && ev.Signed.Seen == nil || signed.Seen != nil && ev.Signed.Seen != nil && *signed.Seen == *ev.Signed.Seen
	if !signed.Expires.Equal(ev.Signed.Expires) || !seen {
		return nil, badCommand("The evidence is of another expiry, or of another checkpoint, than the command")
	}
	return ev, nil
}

func received(r ledger.Receipt) *wire.Receipt {
	return &wire.Receipt{Seq: r.Position, CID: r.CID, Time: stamp(r.Time), Type: string(r.Event.Data.Type()), Repeated: r.Repeated}
}

// submitted is a line of a stream of commands: a request, or why it is none.
type submitted struct {
	ledger.Request
	err error
}

// maxTogether is how many commands go to the ledger together. What has arrived is enough: nobody waits for more.
const maxTogether = 256

// recordCommands records commands as they arrive and answers them in order. It ends when the request does.
func recordCommands(c *call, w http.ResponseWriter) error {
	if err := c.mediaType(mediaLines); err != nil {
		return err
	}
	stop, err1 := readStop(c.query.Get("stop"))
	_, _, err2 := c.ifMatch()
	if err := cmp.Or(err1, err2); err != nil {
		return err
	}
	out := newLineWriter(w, mediaLines)
	if err := out.rc.EnableFullDuplex(); err != nil {
		return fmt.Errorf("answer while the request streams: %w", err)
	}
	if err := out.flush(); err != nil { // the caller may wait for the header before it sends
		return nil //nolint:nilerr // it has gone
	}
	lines := make(chan submitted, 2*maxTogether)
	quit, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(lines)
		defer close(done) // before lines: who sees these end must not take the reading for unfinished
		readSubmissions(c.Body, lines, quit)
	}()
	defer func() {
		close(quit)
		select {
		case <-done:
		default: // It may wait for a caller that is not answered any more. Nothing can follow on this connection.
			_ = out.rc.SetReadDeadline(time.Unix(1, 0))
			<-done
		}
	}()
	b := batch{call: c, stop: stop}
	for {
		first, more := <-lines
		if !more {
			return out.end(c, nil)
		}
		b.lines = append(b.lines[:0], first)
	gather:
		for len(b.lines) < maxTogether {
			select {
			case next, more := <-lines:
				if !more {
					break gather
				}
				b.lines = append(b.lines, next)
			default:
				break gather
			}
		}
		outcomes := b.record()
		var receipts []*wire.Receipt
		for _, o := range outcomes {
			if o.Recorded != nil {
				receipts = append(receipts, o.Recorded)
			}
		}
		c.stand(c.org, receipts...)
		for _, o := range outcomes {
			if err := out.add(o); err != nil {
				return out.end(c, err)
			}
		}
		if err := out.flush(); err != nil {
			return out.end(c, err)
		}
	}
}

// readSubmissions reads lines until the request ends, cannot be read on, or quit is closed. A line that is too long is
// the last that is answered, for where the next begins is not known; what follows is read and dropped, for net/http
// wants to see the end of a request that it was answering meanwhile.
func readSubmissions(body io.Reader, lines chan<- submitted, quit <-chan struct{}) {
	in := bufio.NewScanner(body)
	in.Buffer(make([]byte, 0, 64<<10), maxBody)
	put := func(s submitted) bool {
		select {
		case lines <- s:
			return true
		case <-quit:
			return false
		}
	}
	for in.Scan() {
		var s wire.Submission
		var one submitted
		if one.err = strict(in.Bytes(), &s); one.err == nil {
			one.Request, one.err = request(s)
		}
		if !put(one) {
			return
		}
	}
	if errors.Is(in.Err(), bufio.ErrTooLong) {
		put(submitted{err: problemOf(http.StatusRequestEntityTooLarge, wire.CodeTooLarge, fmt.Sprintf("A line has at most %d bytes; what follows it was not tried", maxBody))})
		_, _ = io.Copy(io.Discard, body)
	}
}

// stopping says after which refusals the commands that follow are not tried.
type stopping int

const (
	never stopping = iota
	atRefusal
	atAny // no-change included
)

func readStop(text string) (stopping, error) {
	switch text {
	case "", "false":
		return never, nil
	case "true":
		return atRefusal, nil
	case "any":
		return atAny, nil
	}
	return never, badRequest("stop is true, any or false")
}

// batch records the lines that have arrived.
type batch struct {
	call    *call
	stop    stopping
	stopped bool
	lines   []submitted
}

// record gives the outcome of each line. A line that is no command is answered in its place, and counts as refused.
func (b *batch) record() []wire.Outcome {
	outcomes := make([]wire.Outcome, 0, len(b.lines))
	for len(outcomes) < len(b.lines) {
		rest := b.lines[len(outcomes):]
		if b.stopped {
			outcomes = append(outcomes, b.problem(ledger.ErrNotTried))
			continue
		}
		if rest[0].err != nil {
			outcomes = append(outcomes, b.problem(rest[0].err))
			b.stopped = b.stop != never
			continue
		}
		requests := together(rest)
		if n, err := b.call.admit(requests, streamPatience); err != nil && n == 0 {
			outcomes = append(outcomes, b.problem(err))
			b.stopped = b.stop != never
			continue
		} else if err != nil {
			requests = requests[:n]
		}
		if n, err := b.call.under(requests, ""); err != nil && n == 0 {
			outcomes = append(outcomes, b.problem(err))
			b.stopped = b.stop != never
			continue
		} else if err != nil {
			requests = requests[:n] // those before it are tried first
		}
		for i, o := range b.call.org.Ledger.ExecuteAll(b.call.Context(), requests, b.stop != never) {
			if errors.Is(o.Err, ledger.ErrNotTried) && !b.stopped {
				break // the ledger stops at no-change, too: what follows it is sent again
			}
			if o.Err == nil {
				outcomes = append(outcomes, wire.Outcome{Recorded: received(o.Receipt)})
				continue
			}
			err := b.call.cameBetween(requests[i].Command.Data.About(), o.Err)
			outcomes = append(outcomes, b.problem(err))
			b.stopped = b.stopped || b.stops(err)
		}
	}
	return outcomes
}

// together gives the commands up to the first line that is none.
func together(lines []submitted) []ledger.Request {
	var requests []ledger.Request
	for _, l := range lines {
		if l.err != nil {
			break
		}
		requests = append(requests, l.Request)
	}
	return requests
}

func (b *batch) stops(err error) bool {
	refusal := (*rules.Refusal)(nil)
	noChange := errors.As(err, &refusal) && refusal.Code == rules.NoChange
	return b.stop == atAny || b.stop == atRefusal && !noChange
}

func (b *batch) problem(err error) wire.Outcome {
	p, known := explain(err, b.call.org)
	if !known {
		b.call.server.log.Error("a command failed", "organization", b.call.org.ID, "error", err)
	}
	return wire.Outcome{Problem: &p.Problem}
}
