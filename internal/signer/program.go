package signer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	answerWait = 5 * time.Second // for one answer
	maxAnswer  = 1 << 20         // bytes of one answer
	restAfter  = time.Second     // between two starts
	endWait    = 2 * time.Second // for a program to end when its input does
	maxSaid    = 200             // bytes of what a program says that are passed on
)

// Options say how a program is used.
type Options struct {
	Logger  *slog.Logger  // is told what the program writes to its standard error; nil: nobody is
	Timeout time.Duration // for one answer; 0: 5 s
}

// A Program is a signer program, which is started when it is first asked for something. Its methods are safe for
// concurrent use; it is asked for one thing after the other.
type Program struct {
	argv []string
	o    Options

	mu      sync.Mutex
	run     *run // nil: it does not run
	started time.Time
	closed  bool
}

// run is one process.
type run struct {
	cmd    *exec.Cmd
	in     *os.File
	out    *os.File
	answer *bufio.Reader
	said   *os.File
	told   sync.WaitGroup
}

// New gives the program of a command line: a file, or a name that is looked for as a shell does, and its arguments. It is
// not started yet.
func New(argv []string, o Options) (*Program, error) {
	if len(argv) == 0 || argv[0] == "" {
		return nil, fmt.Errorf("%w has no name", ErrProgram)
	}
	if o.Timeout == 0 {
		o.Timeout = answerWait
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Program{argv: argv, o: o}, nil
}

// Close ends the program: its input ends, and it is killed where it does not end by itself.
func (p *Program) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	if p.run == nil {
		return nil
	}
	r := p.run
	p.run = nil
	r.in.Close()
	timer := time.AfterFunc(endWait, r.kill)
	defer timer.Stop()
	r.wait()
	return nil
}

// ask has the program answer one request, with an answer that take finds nothing wrong with. After an error that is no
// [*RefusedError] it does not run any more.
func (p *Program) ask(q request, take func(answer) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	line, err := json.Marshal(q)
	if err != nil {
		return err
	}
	if err := p.start(); err != nil {
		return err
	}
	a, err := p.run.exchange(append(line, '\n'), p.o.Timeout)
	if err == nil && a.Error != "" {
		return p.named(&RefusedError{short(a.Error)})
	}
	if err == nil {
		if err = take(a); err != nil {
			err = fmt.Errorf("%w: %w", ErrAnswer, err)
		}
	}
	if err != nil {
		p.run.kill()
		p.run.wait()
		p.run = nil
		return p.named(err)
	}
	return nil
}

// start starts the program where it does not run. One that ended at once is not started again and again.
func (p *Program) start() error {
	switch {
	case p.run != nil:
		return nil
	case p.closed:
		return p.wrong(ErrEnded, os.ErrClosed)
	case time.Since(p.started) < restAfter:
		return p.wrong(ErrEnded, errors.New("it ended less than a second ago"))
	}
	r, err := start(p.argv, p.o.Logger)
	if err != nil {
		return p.wrong(ErrEnded, err)
	}
	p.run, p.started = r, time.Now()
	return nil
}

func start(argv []string, log *slog.Logger) (_ *run, err error) {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirIn.Close()
	out, theirOut, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	defer theirOut.Close()
	said, theirErr, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, in.Close(), out.Close())
	}
	defer theirErr.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirIn, theirOut, theirErr
	cmd.Env = environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt of the terminal is for us; and all of it can be killed
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, in.Close(), out.Close(), said.Close())
	}
	r := &run{cmd: cmd, in: in, out: out, answer: bufio.NewReader(out), said: said}
	r.told.Go(func() {
		for lines := bufio.NewScanner(said); lines.Scan(); {
			log.Warn("the signer program says", "program", argv[0], "text", short(lines.Text()))
		}
		_, _ = io.Copy(io.Discard, said) // a line that is too long to pass on must not hold it up
	})
	return r, nil
}

// environment is ours without what is said to permledger alone, which may be secret.
func environment() []string {
	var all []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "PERMLEDGER_") {
			all = append(all, v)
		}
	}
	return all
}

func (r *run) exchange(line []byte, timeout time.Duration) (a answer, err error) {
	until := time.Now().Add(timeout)
	if err := errors.Join(r.in.SetWriteDeadline(until), r.out.SetReadDeadline(until)); err != nil {
		return a, err
	}
	if _, err := r.in.Write(line); err != nil {
		return a, ended(err)
	}
	text, err := r.read()
	if err != nil {
		return a, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&a); err != nil {
		return a, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return a, fmt.Errorf("%w: more than one object stands in a line", ErrAnswer)
	}
	return a, nil
}

// read reads one line.
func (r *run) read() ([]byte, error) {
	var text []byte
	for {
		part, err := r.answer.ReadSlice('\n')
		text = append(text, part...)
		switch {
		case len(text) > maxAnswer:
			return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrAnswer, maxAnswer)
		case err == nil:
			if r.answer.Buffered() > 0 {
				return nil, fmt.Errorf("%w: it answers what it was not asked", ErrAnswer)
			}
			return text, nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, ended(err)
		}
	}
}

func ended(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ErrTimeout
	}
	return fmt.Errorf("%w: %w", ErrEnded, err)
}

// kill ends the process and those that it started.
func (r *run) kill() { _ = syscall.Kill(-r.cmd.Process.Pid, syscall.SIGKILL) }

func (r *run) wait() {
	_ = r.cmd.Wait() // how it ended is not asked: it does not run any more
	r.in.Close()
	r.out.Close()
	r.said.Close()
	r.told.Wait()
}

// short gives the beginning of what a program says.
func short(text string) string { return text[:min(len(text), maxSaid)] }

func (p *Program) wrong(what, why error) error { return p.named(fmt.Errorf("%w: %w", what, why)) }

func (p *Program) named(err error) error { return fmt.Errorf("%w %s %w", ErrProgram, p.argv[0], err) }
