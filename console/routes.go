package console

import "slices"

// routes are all of the console, area by area.
func routes() []route {
	return slices.Concat(
		signInRoutes(),
		walletSignInRoutes(),
		changeRoutes(),
		overviewRoutes(),
		reviewRoutes(),
		activityRoutes(),
		streamRoutes(),
		roleRoutes(),
		memberRoutes(),
		keyRoutes(),
		accountRoutes(),
		joinRoutes(),
		verifyRoutes(),
		exportRoutes(),
		historyRoutes(),
		helpRoutes(),
		policyRoutes(),
		tokenRoutes(),
		accessRoutes(),
	)
}
