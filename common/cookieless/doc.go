// Package cookieless gives events of visitors without a cookie a distinct id that is stable for one calendar day and says
// nothing about the visitor afterwards.
//
// The id is a keyed hash of team, IP address, root domain and user agent. The key is a salt of 16 random bytes, one for each
// calendar day, kept in Redis under cookieless_salt:YYYY-MM-DD until it expires: from then on nobody can compute the day's ids
// again. The day is the visitor's own, in the time zone of the event, so up to five salts are in use at one moment.
//
// Every process that touches the same visitor must find the same 16 bytes: the ingestion workers write what the flag service
// asks for. All of this package is therefore exact to the byte, after PostHog's rust/common/cookieless:
//
//	event ──▶ Day ──▶ salt of that day ─┐
//	      ──▶ RootDomain(host) ─────────┴─▶ Sum(n = 0) ──▶ count n of cklsi:<team>:<digest> ──▶ Sum(n) ──▶ Digest.ID
//
// The count n is the number of identify events seen for the base digest. It keeps a visitor who logs out and in again apart
// from the earlier self; teams in stateless mode have none.
//
// Failure policy: closed. When Redis cannot be asked there is no id, because an id made with another salt or another n would
// split one visitor in two. When Redis has lost a salt a new one is made, and ids of that day change: accepted by the original too.
package cookieless

import "time"

// Names that SDKs and stores share with this package.
const (
	// Sentinel is the distinct id that SDKs send when the server is to compute one.
	Sentinel = "$posthog_cookieless"
	// ModeProperty marks an event as cookieless.
	ModeProperty = "$cookieless_mode"
	// ExtraProperty holds client-chosen text that enters the hash.
	ExtraProperty = "$cookieless_extra"

	idPrefix         = "cookieless_"
	saltKeyPrefix    = "cookieless_salt:"
	identifiesPrefix = "cklsi:"
)

// Spans of time, all of the original.
const (
	maxLag  = 72 * time.Hour // how late an event may come in
	maxEast = 14 * time.Hour // zones reach up to UTC+14
	maxWest = 12 * time.Hour // and down to UTC-12

	// SaltTTL is how long a salt lives in Redis: the day itself and the ingestion lag.
	SaltTTL = 24*time.Hour + maxLag
	// SessionTTL is how long the state of a session is kept by those who write it.
	SessionTTL = SaltTTL
	// SessionInactivity ends a session.
	SessionInactivity = 30 * time.Minute
	// IdentifiesTTL is how long the set behind a count of identifies is kept by those who write it.
	IdentifiesTTL = 24*time.Hour + maxLag + maxWest + maxEast
)
