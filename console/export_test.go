package console

// Addresses gives method and path of every screen.
func Addresses() (all [][2]string) {
	for _, r := range routes() {
		all = append(all, [2]string{r.method, root + r.path})
	}
	return all
}
