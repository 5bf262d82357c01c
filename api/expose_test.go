package api

// ProblemTitles gives the title of each kind of problem, by code.
func ProblemTitles() map[string]string { return titles }

// RefusalStatuses gives the status with which each refusal of the rules is answered, by code.
func RefusalStatuses() map[string]int {
	all := map[string]int{}
	for code, status := range statuses {
		all[string(code)] = status
	}
	return all
}
