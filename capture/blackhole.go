package capture

import (
	"net/http"

	"github.com/hog-go/hog/capture/internal/decode"
	"github.com/hog-go/hog/capture/internal/reject"
	"github.com/hog-go/hog/capture/internal/resolve"
)

// blackHolePath is a target for load tests: events are read and checked, and nothing becomes of them.
const blackHolePath = "/test/black_hole"

// blackHole judges a request by what a client could do better, and takes everything that it cannot read for events.
func (s *Service) blackHole(w http.ResponseWriter, r *http.Request, path string, b *batch) (outcome, error) {
	q := decode.ParseQuery(r.URL.RawQuery)
	payload, err := s.payload(w, r, path, &q, s.analyticsBody, maxPayload, b)
	if err != nil {
		if e := refusal(err); e.Status != http.StatusBadRequest || decode.IsFormError(e) {
			return outcome{}, e
		}
		return outcome{}, nil
	}
	if b.request.Parse(payload) != nil {
		return outcome{}, nil
	}
	if len(b.request.Events) == 0 {
		return outcome{}, reject.EmptyBatch
	}
	if _, err := resolve.Token(&b.request, &b.arena); err != nil {
		return outcome{}, err
	}
	for i := range b.request.Events {
		if !resolve.HasDistinctID(&b.request.Events[i], &b.arena) {
			return outcome{}, reject.NoDistinctID
		}
	}
	return outcome{}, nil
}
