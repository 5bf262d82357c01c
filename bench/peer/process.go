package peer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a server's.
type Process struct {
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
}

// run starts a program whose output goes to a file. It ends with the context.
func (e *Env) run(ctx context.Context, name string, env []string, program string, args ...string) (*Process, error) {
	p := &Process{log: filepath.Join(e.Dir, name+".log"), ended: make(chan struct{})}
	out, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	p.cmd = exec.CommandContext(ctx, program, args...)
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Env = out, out, append(os.Environ(), env...)
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // the context ended it, or the next request says that it is gone
		close(p.ended)
	}()
	return p, nil
}

// Again starts a command that listens at the address of a server that has ended.
func (e *Env) Again(ctx context.Context, addr string, command []string) (*Process, error) {
	p, err := e.run(ctx, "again", nil, command[0], command[1:]...)
	if err != nil {
		return nil, err
	}
	return p, p.listening(ctx, addr)
}

// listening waits until something answers at an address.
func (p *Process) listening(ctx context.Context, addr string) error {
	return p.until(ctx, func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
}

// until waits for a condition, or says why it does not come.
func (p *Process) until(ctx context.Context, is func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for !is() {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-p.ended:
			return p.told(errors.New("it ended"))
		case <-ctx.Done():
			return p.told(ctx.Err())
		}
	}
	return nil
}

// told adds the end of what the process said to an error.
func (p *Process) told(err error) error {
	b, _ := os.ReadFile(p.log)
	return fmt.Errorf("%w: %s", err, b[max(0, len(b)-500):])
}

// Stop ends the process; one that has ended stays so.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(5 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// CPU is the processor time that it has taken, in steps of 10 ms; zero where there is no /proc.
func (p *Process) CPU() time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	_, rest, ok := bytes.Cut(b, []byte(") "))
	fields := strings.Fields(string(rest))
	if err != nil || !ok || len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100 on every Linux that Go runs on
}

// Memory is how much of it is in memory, in bytes; zero where there is no /proc.
func (p *Process) Memory() uint64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kib, _ := strconv.ParseUint(fields[0], 10, 64)
	return kib << 10
}
