package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/permledger/permledger/api/wire"
)

// Stop says after which refusal the commands that follow are not tried.
type Stop string

const (
	StopNever     Stop = ""     // each command is decided by itself
	StopAtRefusal Stop = "true" // what is so already (no-change) is no reason to stop
	StopAtAny     Stop = "any"  // no-change is one too
)

// Stream submits many commands and receives their outcomes, in order, while more are sent. One goroutine may send
// while another receives; a sender that never lets anybody receive comes to a halt when the buffers are full.
type Stream struct {
	client *Client
	body   *io.PipeWriter
	cancel context.CancelFunc
	ready  chan struct{} // closed when resp and err are set
	resp   *http.Response
	err    error
	in     *bufio.Reader // of the receiver
}

// Stream opens a stream into an organization's ledger. It must be closed. The stream ends when ctx does.
func (c *Client) Stream(ctx context.Context, org string, stop Stop) *Stream {
	ctx, cancel := context.WithCancel(ctx)
	pr, pw := io.Pipe()
	s := &Stream{client: c, body: pw, cancel: cancel, ready: make(chan struct{})}
	q := c.recording()
	set(q, "stop", string(stop))
	go func() {
		defer close(s.ready)
		s.resp, s.err = c.request(ctx, http.MethodPost, path(org, "commands"), q, c.conditions("application/jsonl"), pr)
		if s.err != nil {
			_ = pr.CloseWithError(s.err)
			return
		}
		s.in = bufio.NewReaderSize(s.resp.Body, 64<<10)
	}()
	return s
}

// Send submits a command. Where the stream has ended, the error says why.
func (s *Stream) Send(sub wire.Submission) error {
	line, err := encode(sub)
	if err != nil {
		return fmt.Errorf("send a command: %w", err)
	}
	if _, err := s.body.Write(line); err != nil {
		return fmt.Errorf("send a command: %w", err)
	}
	return nil
}

// CloseSend says that no more commands follow. Outcomes are received until io.EOF.
func (s *Stream) CloseSend() error { return s.body.Close() }

// Receive gives the next outcome; io.EOF after the last. After another error, commands whose outcome is missing may or
// may not have been recorded: sent again, with the same ids, they get the answer they had.
func (s *Stream) Receive() (wire.Outcome, error) {
	<-s.ready
	var o wire.Outcome
	if s.err != nil {
		return o, s.err
	}
	line, err := s.in.ReadBytes('\n')
	if errors.Is(err, io.EOF) && len(line) == 0 {
		return o, io.EOF
	}
	if err == nil {
		err = json.Unmarshal(line, &o)
	}
	if err == nil && (o.Recorded == nil) == (o.Problem == nil) {
		err = errors.New("the answer says neither that the command is recorded nor why not")
	}
	if err != nil {
		return o, &UnreachableError{Server: s.client.base, Err: fmt.Errorf("receive an outcome: %w", err)}
	}
	return o, nil
}

// Close ends the stream, if need be before its time.
func (s *Stream) Close() error {
	err := s.body.CloseWithError(errors.New("the stream is closed"))
	select {
	case <-s.ready:
	default:
		s.cancel()
		<-s.ready
	}
	if s.resp != nil {
		err = errors.Join(err, s.resp.Body.Close())
	}
	s.cancel()
	return err
}

// Submit submits commands in order and gives the outcomes of all of them, also beside an error as far as they came.
func (c *Client) Submit(ctx context.Context, org string, subs []wire.Submission, stop Stop) ([]wire.Outcome, error) {
	s := c.Stream(ctx, org, stop)
	defer s.Close()
	go func() { // ends when the stream does, at the latest with Close
		for _, sub := range subs {
			if s.Send(sub) != nil {
				return
			}
		}
		_ = s.CloseSend()
	}()
	outcomes := make([]wire.Outcome, 0, len(subs))
	defer func() { c.outcomes(org, outcomes) }()
	for range subs {
		o, err := s.Receive()
		if errors.Is(err, io.EOF) {
			err = &UnreachableError{Server: c.base, Err: errors.New("the answer ended before the last outcome")}
		}
		if err != nil {
			return outcomes, err
		}
		outcomes = append(outcomes, o)
	}
	return outcomes, nil
}
