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

// Given a key that is slow to sign, when many ask for lists of before, then the list of now is signed meanwhile, each list is
// signed once, and whoever comes when too many wait is told to come again.
func TestListsOfBeforeDoNotDelayThatOfNow(t *testing.T) {
	var lists signedLists
	began, slow, signed := make(chan struct{}, 1), make(chan struct{}), 0
	sign := func() ([]byte, error) {
		select {
		case began <- struct{}{}:
		default:
		}
		<-slow
		signed++ // one at a time
		return []byte("list"), nil
	}
	answers := make(chan error)
	for i := range maxWaiting {
		go func() {
			_, err := lists.past.get(signedList{position: uint64(i / 2)}, sign)
			answers <- err
		}()
	}
	<-began
	for end := time.Now().Add(20 * time.Second); lists.past.waiting.Load() < maxWaiting; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not all wait")
		}
	}
	if _, err := lists.past.get(signedList{position: 1000}, sign); err == nil {
		t.Error("one more waits")
	}
	if b, err := lists.now.get(signedList{position: 2000}, func() ([]byte, error) { return []byte("now"), nil }); err != nil || string(b) != "now" {
		t.Errorf("the list of now is %q, %v", b, err)
	}
	close(slow)
	for range maxWaiting {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
	if signed != maxWaiting/2 {
		t.Errorf("%d lists were signed %d times", maxWaiting/2, signed)
	}
	if _, err := lists.past.get(signedList{position: 1000}, sign); err != nil {
		t.Errorf("when nobody waits any more: %v", err)
	}
}
