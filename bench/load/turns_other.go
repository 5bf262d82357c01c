//go:build !linux

package load

func shortTurns() {}
