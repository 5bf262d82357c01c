package tlog

import "math"

// Thin thins out old checkpoints where that saves so many bytes.
func Thin(l *Log, worth int64) error { return l.thin(worth, math.MaxInt64) }
