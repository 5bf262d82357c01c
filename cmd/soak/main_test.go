package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSoakEndsInTimeAndSaysHowFarItCame(t *testing.T) {
	s := soak{seed: 3, keep: filepath.Join(t.TempDir(), "kept")}
	if err := s.main(t.Context(), 3*time.Second, []string{"kill"}, ""); err != nil {
		t.Fatal(err)
	}
	if s.found != 0 {
		t.Errorf("%d failures", s.found)
	}
}

func TestSoakRefusesAnUnknownKind(t *testing.T) {
	var s soak
	if err := s.main(t.Context(), time.Second, []string{"kil"}, ""); err == nil || !strings.Contains(err.Error(), "kill") {
		t.Errorf("got %v; want the kinds there are", err)
	}
}
