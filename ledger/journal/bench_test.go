package journal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func group(n, size int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = bytes.Repeat([]byte{byte(i)}, size)
	}
	return out
}

// BenchmarkAppend compares an append of a group with one write and one sync of the same bytes to a file.
func BenchmarkAppend(b *testing.B) {
	for _, n := range []int{1, 64, 1000} {
		entries := group(n, 900)
		raw := records(entries)
		b.Run(fmt.Sprintf("%dx900B/raw", n), func(b *testing.B) {
			f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
			if err != nil {
				b.Fatal(err)
			}
			defer f.Close()
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				if _, err := f.Write(raw); err != nil {
					b.Fatal(err)
				}
				if err := f.Sync(); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("%dx900B/journal", n), func(b *testing.B) {
			j := open(b, filepath.Join(b.TempDir(), "j"), Options{Create: true})
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				if _, err := j.Append(entries); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRead opens, ranges over and reads at random a journal of 60,000 entries of 900 bytes from the page cache.
func BenchmarkRead(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "j")
	j := open(b, dir, Options{Create: true})
	for range 60 {
		appendAll(b, j, group(1000, 900))
	}
	size := int64(j.Len()) * 902
	b.Run("Open", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			if _, err := OpenReader(dir, Options{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Range", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			n := 0
			for rec, err := range j.Range(1, j.Len()) {
				if err != nil {
					b.Fatal(err)
				}
				n += len(rec.Entry)
			}
			if n != 60*1000*900 {
				b.Fatal("bytes read:", n)
			}
		}
	})
	b.Run("Read", func(b *testing.B) {
		pos := uint64(0)
		for b.Loop() {
			if _, err := j.Read(pos%j.Len() + 1); err != nil {
				b.Fatal(err)
			}
			pos += 7919
		}
	})
	b.Run("Bundle", func(b *testing.B) {
		b.SetBytes(256 * 902)
		for b.Loop() {
			if _, err := j.Bundle(17, 256); err != nil {
				b.Fatal(err)
			}
		}
	})
}
