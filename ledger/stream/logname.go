package stream

// LogName is the name of the stream that holds an organization's ledger.
func LogName(org string) string { return id{kindLedger, org}.stream() }
