//go:build !linux

package node

// clock: elsewhere nobody can be asked whether the clock is synchronized.
func (x *examination) clock() {
	x.add("clock", "", FindingWarn, "", "it cannot be told whether it is synchronized; it is %s", x.opts.Now().UTC().Format("2006-01-02 15:04:05Z"))
}
