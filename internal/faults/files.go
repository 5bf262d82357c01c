package faults

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// loadedDirectory makes a data directory, has at least n commands acknowledged by a server on it, and ends the server
// in the given way.
func (p *Program) loadedDirectory(ctx context.Context, dir string, seed uint64, n int, fat bool, end func(*Server)) ([]Ack, error) {
	first, err := p.Init(ctx, dir)
	if err != nil {
		return nil, err
	}
	acks, err := p.load(ctx, dir, seed, n, fat, end)
	return append([]Ack{first}, acks...), err
}

// load has at least n commands acknowledged by a server on a data directory, and ends the server in the given way.
func (p *Program) load(ctx context.Context, dir string, seed uint64, n int, fat bool, end func(*Server)) ([]Ack, error) {
	s, err := p.Serve(dir)
	if err != nil {
		return nil, err
	}
	defer s.Kill()
	c, err := s.Ready(ctx)
	if err != nil {
		return nil, err
	}
	l, err := NewLoad(ctx, c, dir, seed, nil)
	if err != nil {
		return nil, err
	}
	l.fat = fat
	writing, stop := context.WithCancel(ctx)
	defer stop()
	l.until(n, stop)
	l.Run(writing, c)
	if _, _, err := l.Retry(ctx, c); err != nil {
		return nil, err
	}
	end(s)
	acks := l.Acks()
	slices.SortFunc(acks, func(a, b Ack) int { return int(a.Position) - int(b.Position) })
	return acks, nil
}

// streamDir gives the directory that nats-server keeps of the ledger's stream.
func streamDir(dir string) (string, error) {
	found, err := filepath.Glob(filepath.Join(dir, "store", "jetstream", "*", "streams", "LEDGER_"+Organization))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("%d directories of the stream in %s", len(found), dir)
	}
	return found[0], nil
}

// blocks gives the block files of the stream, in order.
func blocks(dir string) ([]string, error) {
	at, err := streamDir(dir)
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(at, "msgs", "*.blk"))
	number := func(file string) int {
		n, _ := strconv.Atoi(strings.TrimSuffix(filepath.Base(file), ".blk"))
		return n
	}
	slices.SortFunc(files, func(a, b string) int { return number(a) - number(b) })
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("%s holds no block", at)
	}
	return files, err
}

// cutStream takes all records after a position from the stream's files, and its index.
func cutStream(dir string, position uint64) error {
	files, err := blocks(dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		at := 0
		for at+12 <= len(b) && binary.LittleEndian.Uint64(b[at+4:]) <= position {
			at += int(binary.LittleEndian.Uint32(b[at:]) &^ (1 << 31))
		}
		if err := os.Truncate(file, int64(at)); err != nil {
			return err
		}
	}
	return os.RemoveAll(filepath.Join(filepath.Dir(files[0]), "index.db"))
}
