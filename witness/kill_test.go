package witness_test

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/permledger/permledger/witness"
)

// TestMain is also the witness that TestKilledBeforeItAnswers kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv("WITNESS_TO_KILL"); dir != "" {
		dies(dir)
	}
	os.Exit(m.Run())
}

// dies cosigns a checkpoint of size 9, and is killed between storing and answering.
func dies(dir string) {
	t := new(testing.T)
	w, err := witness.OpenWith(config(t, dir), 100, func() {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	})
	if err == nil {
		err = w.Handle(new(history).grow("ours", 9).request(t, 0, 9))
	}
	println("it answered:", err)
	os.Exit(1)
}

// TestKilledBeforeItAnswers: the answer is lost, the checkpoint is not. The log learns by 409 where the witness is.
func TestKilledBeforeItAnswers(t *testing.T) {
	dir := t.TempDir()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(program)
	c.Env = append(os.Environ(), "WITNESS_TO_KILL="+dir)
	out, err := c.CombinedOutput()
	if status, ok := c.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("it was not killed: %v\n%s", err, out)
	}
	s := serve(t, config(t, dir))
	h := new(history).grow("ours", 12)
	if status, kind, answer := s.post(t, h.request(t, 0, 12)); status != 409 || kind != "text/x.tlog.size" || answer != "9\n" {
		t.Fatalf("after the start: %d %s %q", status, kind, answer)
	}
	// Another history of that size was never cosigned, and is not now.
	if status, _, _ := s.post(t, parted(3, 9).request(t, 0, 9)); status != 409 || s.Err() == nil {
		t.Errorf("another history: %d, %v", status, s.Err())
	}
}
