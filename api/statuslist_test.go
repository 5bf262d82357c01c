package api

import (
	"testing"
	"time"
)

func TestDateTimeStamps(t *testing.T) {
	for text, want := range map[string]string{
		"2026-03-04T05:06:07Z": "2026-03-04T05:06:07Z", "2026-03-04T05:06:07.5+02:00": "2026-03-04T03:06:07.5Z", "2026-12-31T24:00:00Z": "2027-01-01T00:00:00Z",
		"2024-02-29T00:00:00-14:00": "2024-02-29T14:00:00Z", "2026-03-04T05:06:07.000000000000000001Z": "2026-03-04T05:06:07Z",
		"": "", "2026-03-04": "", "2026-03-04T05:06:07": "", "2026-03-04T05:06Z": "", "2026-03-04t05:06:07z": "", " 2026-03-04T05:06:07Z": "", "2026-02-30T00:00:00Z": "",
		"2026-03-04T24:00:01Z": "", "2026-03-04T05:06:07,5Z": "", "2026-03-04T05:06:07+15:00": "", "-2026-03-04T05:06:07Z": "", "12026-03-04T05:06:07Z": "",
	} {
		got, err := dateTimeStamp(text)
		if (err == nil) != (want != "") || err == nil && got.Format(time.RFC3339Nano) != want {
			t.Errorf("%q is %v, %v; want %q", text, got, err, want)
		}
	}
}

func FuzzDateTimeStamp(f *testing.F) {
	f.Add("2026-03-04T05:06:07Z")
	f.Add("2026-12-31T24:00:00+13:59")
	f.Fuzz(func(t *testing.T, text string) {
		at, err := dateTimeStamp(text)
		if err != nil {
			return
		}
		again, err := dateTimeStamp(at.Format("2006-01-02T15:04:05.999999999Z07:00"))
		if at.Year() >= 0 && at.Year() <= 9999 && (err != nil || !again.Equal(at)) {
			t.Fatalf("%q is %v, and that is %v, %v", text, at, again, err)
		}
	})
}

// FuzzDisposition: whatever the name, it stays one parameter of one header field.
func FuzzDisposition(f *testing.F) {
	f.Add("role.json")
	f.Add("a\"; filename=\"b\r\nX: y\\é")
	f.Fuzz(func(t *testing.T, name string) {
		quotes := 0
		for _, r := range disposition(name) {
			if r < ' ' || r > '~' {
				t.Fatalf("%q is written as %q", name, disposition(name))
			}
			if r == '"' {
				quotes++
			}
		}
		if quotes != 2 {
			t.Fatalf("%q is written as %q", name, disposition(name))
		}
	})
}
