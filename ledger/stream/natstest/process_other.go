//go:build unix && !linux

package natstest

import "syscall"

func endWithParent() *syscall.SysProcAttr { return nil }
