package faults

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A Failure is what is kept of a fault that lost something, or of a harness that found nothing where it had to:
//
//	DIR/data           the data directory as the fault left it, before the program was started again where that is known
//	DIR/acks.jsonl     what was acknowledged
//	DIR/failure.json   the kind of fault, the seed, what the judge said
//
// [Replay] judges it again.
type Failure struct {
	Fault string `json:"fault"`
	Seed  uint64 `json:"seed"`
	Case  string `json:"case"`  // which one, in words
	Judge string `json:"judge"` // what was found
	Acks  []Ack  `json:"-"`
}

// keep writes a failure to a new directory below root and gives its path. Of an empty root nothing is kept.
func (f Failure) keep(root, data string) (string, error) {
	if root == "" {
		return "", nil
	}
	if err := os.MkdirAll(root, 0o700); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(root, f.Fault+"-")
	if err != nil {
		return "", err
	}
	var acks bytes.Buffer
	e := json.NewEncoder(&acks)
	for _, a := range f.Acks {
		if err := e.Encode(a); err != nil {
			return "", err
		}
	}
	b, err := json.MarshalIndent(f, "", "  ")
	return dir, errors.Join(err,
		os.WriteFile(filepath.Join(dir, "failure.json"), append(b, '\n'), 0o600),
		os.WriteFile(filepath.Join(dir, "acks.jsonl"), acks.Bytes(), 0o600),
		copyDir(filepath.Join(dir, "data"), data))
}

// report makes the error of a failure, with the place where it is kept. Where ctx has ended, that is why it failed: nothing
// was judged, and nothing is kept.
func (f Failure) report(ctx context.Context, root, data string, err error) error {
	if ctx.Err() != nil {
		return err
	}
	f.Judge = err.Error()
	kept, keepErr := f.keep(root, data)
	err = fmt.Errorf("%s, seed %d, %s:\n%w", f.Fault, f.Seed, f.Case, err)
	if kept != "" {
		err = fmt.Errorf("%w\nkept in %s", err, kept)
	}
	return errors.Join(err, keepErr)
}

// Replay judges a kept failure again: on a copy of its data directory the program starts, is repaired where it refuses
// to, and everything acknowledged is looked for. It gives what the failure was, and an error where it is one still.
func Replay(ctx context.Context, p *Program, dir, scratch string) (Failure, error) {
	var f Failure
	b, err := os.ReadFile(filepath.Join(dir, "failure.json"))
	if err == nil {
		err = json.Unmarshal(b, &f)
	}
	if err == nil {
		f.Acks, err = readAcks(filepath.Join(dir, "acks.jsonl"))
	}
	if err != nil {
		return f, fmt.Errorf("replay %s: %w", dir, err)
	}
	data := filepath.Join(scratch, "data")
	if err := copyDir(data, filepath.Join(dir, "data")); err != nil {
		return f, fmt.Errorf("replay %s: %w", dir, err)
	}
	_, err = Recover(ctx, p, data, f.Acks)
	return f, err
}

func readAcks(path string) (acks []Ack, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	for s := bufio.NewScanner(file); ; {
		if !s.Scan() {
			return acks, s.Err()
		}
		var a Ack
		if err := json.Unmarshal(s.Bytes(), &a); err != nil {
			return nil, err
		}
		acks = append(acks, a)
	}
}

// copyDir copies a directory that nobody writes to, modes included.
func copyDir(to, from string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		at := filepath.Join(to, strings.TrimPrefix(path, from))
		if d.IsDir() {
			return os.MkdirAll(at, info.Mode().Perm())
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("copy %s: no regular file", path)
		}
		return copyFile(at, path, info.Mode().Perm())
	})
}

func copyFile(to, from string, mode fs.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
