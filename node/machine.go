package node

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// lockHolder gives the process that holds a lock, without taking it; 0: none. It reads /proc/locks.
func lockHolder(path string) (int, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, errors.New("the file system does not number its files")
	}
	f, err := os.Open("/proc/locks")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	// 1: FLOCK  ADVISORY  WRITE 4711 fe:00:1234 0 EOF
	inode := ":" + strconv.FormatUint(st.Ino, 10)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		word := strings.Fields(lines.Text())
		if len(word) >= 6 && word[1] == "FLOCK" && strings.HasSuffix(word[5], inode) {
			if pid, err := strconv.Atoi(word[4]); err == nil {
				return max(pid, 1), nil // 0 and less: in another container
			}
		}
	}
	return 0, nil
}

// A mount is where a path lies.
type mount struct {
	point, kind string
	options     []string
}

// mountOf finds the file system of a path in /proc/self/mountinfo: the last mount whose point is the longest above it.
func mountOf(path string) (m mount, err error) {
	if path, err = filepath.Abs(path); err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return m, err
	}
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return m, err
	}
	defer f.Close()
	// 36 35 98:0 /root /mnt rw,noatime shared:1 - ext4 /dev/sda1 rw,errors=continue
	for lines := bufio.NewScanner(f); lines.Scan(); {
		left, right, ok := strings.Cut(lines.Text(), " - ")
		a, b := strings.Fields(left), strings.Fields(right)
		if !ok || len(a) < 6 || len(b) < 3 {
			continue
		}
		point := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(a[4])
		above := point == "/" || path == point || strings.HasPrefix(path, point+"/")
		if above && len(point) >= len(m.point) {
			m = mount{point, b[0], append(strings.Split(a[5], ","), strings.Split(b[2], ",")...)}
		}
	}
	if m.kind == "" {
		return m, errors.New("no mount is listed for it")
	}
	return m, nil
}

// mount judges the file system by what is known to lose synced data, or to hold none.
func (x *examination) mount() {
	m, err := mountOf(x.dir)
	if err != nil {
		x.add("file-system", "", FindingWarn, "", "it cannot be told which it is: %v", err)
		return
	}
	has := func(options ...string) string {
		for _, o := range options {
			if slices.Contains(m.options, o) {
				return o
			}
		}
		return ""
	}
	where := fmt.Sprintf("%s at %s", m.kind, m.point)
	switch {
	case m.kind == "tmpfs" || m.kind == "ramfs":
		x.add("file-system", "", FindingFail, "move the directory to a disk", "%s is memory: a power cut takes all of it", where)
	case has("nobarrier", "barrier=0") != "":
		x.add("file-system", "", FindingFail, "mount it without "+has("nobarrier", "barrier=0"), "%s does not flush the disk's cache: a power cut takes what was acknowledged", where)
	case strings.HasPrefix(m.kind, "nfs") || m.kind == "cifs" || m.kind == "smb3" || m.kind == "9p" || strings.HasPrefix(m.kind, "fuse"):
		x.add("file-system", "", FindingWarn, "know what a sync means there, and whether its locks hold between machines", "%s", where)
	case has("discard") != "":
		x.add("file-system", "", FindingWarn, "some disks lose data next to what they discard; `fstrim` at a quiet time is safer", "%s, with discard", where)
	case has("data=writeback") != "":
		x.add("file-system", "", FindingWarn, "data=ordered is safer", "%s, with data=writeback", where)
	default:
		x.ok("file-system", "", "%s", where)
	}
}
