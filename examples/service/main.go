// Command service is an example of an HTTP service that asks a replica of the ledger who may do what, in its own process:
// docs/services.md walks through it. A user pays an invoice only with the permission invoice.pay.
package main

import (
	"context"
	"errors"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/permledger/permledger/client/replica"
)

func main() {
	ledger, err := replica.Open(context.Background(), replica.Options{
		URL: os.Getenv("NATS_URL"), Seed: os.Getenv("NATS_SEED"), Organization: os.Getenv("ORG"),
		Genesis: os.Getenv("GENESIS"), Dir: os.Getenv("DIR"), MaxAge: 30 * time.Second, Logger: slog.Default(),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer ledger.Close()
	may := func(permission string, next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			user := r.Header.Get("X-User") // a real service takes it from whatever proves who is calling
			switch ok, err := ledger.Check(user, permission, ""); {
			case errors.Is(err, replica.ErrStale):
				w.Header().Set("Retry-After", "5")
				http.Error(w, "it is not known what holds now", http.StatusServiceUnavailable)
			case err != nil:
				http.Error(w, "permissions cannot be trusted", http.StatusInternalServerError)
			case !ok:
				http.Error(w, user+" may not "+permission, http.StatusForbidden)
			default:
				next(w, r)
			}
		}
	}
	http.HandleFunc("POST /pay", may("invoice.pay", func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte("paid\n"))
	}))
	listener, err := net.Listen("tcp", os.Getenv("LISTEN"))
	if err == nil {
		log.Print("listening at http://", listener.Addr())
		err = ledger.Fresh(context.Background()) // before that it would refuse everybody
	}
	if err == nil {
		err = http.Serve(listener, nil)
	}
	log.Print(err)
}
