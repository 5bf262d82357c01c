package canon

import (
	"time"

	"github.com/oklog/ulid/v2"
)

// parseTime reads the one spelling of TimeLayout; time.Parse would take others too and is slower.
func parseTime(b []byte) (time.Time, bool) {
	const form = "dddd-dd-ddTdd:dd:dd.dddZ"
	if len(b) != len(form) {
		return time.Time{}, false
	}
	for i := range form {
		if digit := b[i] >= '0' && b[i] <= '9'; digit != (form[i] == 'd') || !digit && b[i] != form[i] {
			return time.Time{}, false
		}
	}
	two := func(at int) int { return int(b[at]-'0')*10 + int(b[at+1]-'0') }
	year, month, day := two(0)*100+two(2), two(5), two(8)
	hour, minute, second := two(11), two(14), two(17)
	if year < 1970 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	ms := two(20)*10 + int(b[22]-'0')
	return time.UnixMilli(((daysSince1970(year, month, day)*24+int64(hour))*60+int64(minute))*60_000 + int64(second*1000+ms)).UTC(), true
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// daysSince1970 counts days in the Gregorian calendar. The year begins in March here, so that the leap day is its last.
func daysSince1970(year, month, day int) int64 {
	if month < 3 {
		year, month = year-1, month+12
	}
	return int64(365*year + year/4 - year/100 + year/400 + (153*(month-3)+2)/5 + day - 1 - 719_468)
}

// appendTime writes u, which is in UTC and in the years 0 to 9999, as TimeLayout says.
func appendTime(dst []byte, u time.Time) []byte {
	year, month, day := u.Date()
	hour, minute, second := u.Clock()
	two := func(n int) { dst = append(dst, byte('0'+n/10), byte('0'+n%10)) }
	two(year / 100)
	two(year % 100)
	dst = append(dst, '-')
	two(int(month))
	dst = append(dst, '-')
	two(day)
	dst = append(dst, 'T')
	two(hour)
	dst = append(dst, ':')
	two(minute)
	dst = append(dst, ':')
	two(second)
	ms := u.Nanosecond() / 1e6
	return append(dst, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z')
}

// crockford gives the value of each digit of Crockford's base 32, in capitals; 0xff for any other byte.
var crockford = func() (value [256]byte) {
	for i := range value {
		value[i] = 0xff
	}
	for i, digit := range []byte(ulid.Encoding) {
		value[digit] = byte(i)
	}
	return value
}()

// readULID reads the one spelling of a ULID: 10 digits of time, of which the first has 3 bits, and 16 of entropy.
func readULID(text []byte) (id ulid.ULID, ok bool) {
	if len(text) != ulid.EncodedSize || text[0] > '7' {
		return id, false
	}
	var bad byte
	number := func(digits []byte) (n uint64) {
		for _, d := range digits {
			v := crockford[d]
			bad |= v
			n = n<<5 | uint64(v&31)
		}
		return n
	}
	ms, high, low := number(text[:10]), number(text[10:18]), number(text[18:])
	for i := range 6 {
		id[i] = byte(ms >> (40 - 8*i))
	}
	for i := range 5 {
		id[6+i], id[11+i] = byte(high>>(32-8*i)), byte(low>>(32-8*i))
	}
	return id, bad < 32 && ms|high|low != 0
}

// AppendULID writes the one spelling of a ULID.
func AppendULID(dst []byte, id ulid.ULID) []byte {
	var text [ulid.EncodedSize]byte
	_ = id.MarshalTextTo(text[:]) // fails where there is less room only
	return append(dst, text[:]...)
}

// ParseULID reads the one spelling of a ULID: 26 capital characters of Crockford's base 32, at most
// 7ZZZZZZZZZZZZZZZZZZZZZZZZZ, and not all of them 0.
func ParseULID(s string) (ulid.ULID, error) {
	if id, ok := readULID([]byte(s)); ok {
		return id, nil
	}
	if _, err := ulid.ParseStrict(s); err != nil {
		return ulid.ULID{}, err
	}
	return ulid.ULID{}, errSpelling
}

var errSpelling = &Error{Problem: "not the one spelling of a ULID"}
