package console

import (
	"fmt"
	"time"
)

// distance says how far an instant lies from another, as people say it: "in 3 days", "2 hours ago", "just now".
func distance(from, to string) string {
	a, err1 := time.Parse(time.RFC3339Nano, from)
	b, err2 := time.Parse(time.RFC3339Nano, to)
	if err1 != nil || err2 != nil {
		return ""
	}
	d, ahead := b.Sub(a), true
	if d < 0 {
		d, ahead = -d, false
	}
	var text string
	switch {
	case d < time.Minute && ahead:
		return "now"
	case d < time.Minute:
		return "just now"
	case d < time.Hour:
		text = count(int(d/time.Minute), "minute")
	case d < 36*time.Hour:
		text = count(int(d.Round(time.Hour)/time.Hour), "hour")
	default:
		text = count(int(d.Round(24*time.Hour)/(24*time.Hour)), "day")
	}
	if ahead {
		return "in " + text
	}
	return fmt.Sprintf("%s ago", text)
}
