package faults

import (
	"testing"
)

func TestFullDiskLosesNothing(t *testing.T) {
	acked, err := FullDisk(t.Context(), options(t))
	skipWhereItCannotBe(t, err)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d acknowledged before the disk was full", acked)
}
