package faults

import (
	"errors"
	"testing"
)

func TestFullDiskLosesNothing(t *testing.T) {
	acked, err := FullDisk(t.Context(), options(t))
	if e := (*ErrNoMount)(nil); errors.As(err, &e) {
		t.Skip(e)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d acknowledged before the disk was full", acked)
}
