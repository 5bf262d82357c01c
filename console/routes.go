package console

import "slices"

// routes are all of the console, area by area.
func routes() []route {
	return slices.Concat(
		signInRoutes(),
		changeRoutes(),
		overviewRoutes(),
		roleRoutes(),
		policyRoutes(),
		tokenRoutes(),
	)
}
