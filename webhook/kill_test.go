package webhook_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/permledger/permledger/webhook"
)

// The environment that makes this test a process that delivers until it is killed.
const (
	killedDir = "PERMLEDGER_WEBHOOK_KILLED_DIR"
	killedLog = "PERMLEDGER_WEBHOOK_KILLED_LOG" // how long
)

// Given a process that is killed again and again while it delivers, and positions that are kept late, then everything comes,
// in order: some of it again, with the id that it had, and nothing is skipped.
func TestKilledBetweenDeliveryAndPosition(t *testing.T) {
	if dir := os.Getenv(killedDir); dir != "" {
		n, err := strconv.ParseUint(os.Getenv(killedLog), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		o := quick()
		o.Keep = 0 // as a server does it
		open(t, dir, newLog(n), o)
		select {} // until it is killed
	}
	const all = 200
	dir := t.TempDir()
	arrived := make(chan struct{}, all*10)
	r := receives(t, func(uint64, int) int {
		arrived <- struct{}{}
		return http.StatusOK
	})
	idle := quick()
	idle.Deliver = false
	s := open(t, dir, newLog(all), idle)
	r.create(s, 0)
	s.Close()
	for kills := 0; len(r.taken()) == 0 || slices.Max(r.taken()) < all; kills++ {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestKilledBetweenDeliveryAndPosition$")
		cmd.Env = append(os.Environ(), killedDir+"="+dir, killedLog+"="+fmt.Sprint(all))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Each time a little later: positions are kept after a second, so the first go over the same ground again
		for range 20 * (kills + 1) {
			<-arrived
			if got := r.taken(); len(got) > 0 && got[len(got)-1] == all {
				break
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if kills > 60 {
			t.Fatalf("it does not get further: %v", r.taken())
		}
	}
	r.mu.Lock()
	got, ids := slices.Clone(r.got), slices.Clone(r.ids)
	r.mu.Unlock()
	newest, again := uint64(0), 0
	for i, n := range got {
		switch {
		case n == newest+1:
			newest = n
		case n > newest:
			t.Fatalf("%d comes after %d", n, newest)
		default:
			again++
		}
		if ids[i] != fmt.Sprint("change-acme-", n) {
			t.Fatalf("%d comes as %s", n, ids[i])
		}
	}
	if newest != all || again == 0 {
		t.Errorf("up to %d came, %d of them again", newest, again)
	}
	left, err := filepath.Glob(filepath.Join(dir, "webhooks", "*.new"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d deliveries of %d messages; files that a kill left: %d", len(got), all, len(left))
	last := open(t, dir, newLog(all), webhook.Options{Allow: loopback})
	if len(last.List()) != 1 {
		t.Error("the endpoint is lost")
	}
}
