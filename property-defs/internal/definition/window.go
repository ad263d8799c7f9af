package definition

// Bounds of the period of the last_seen window, in seconds. Source: PostHog's rust/property-defs-rs/src/types.rs.
const (
	DefaultPeriod = 3600
	MaxPeriod     = 30 * 24 * 3600
)

// WindowSeed is FNV-1a of team and name: it spreads the windows of all events over the period, and is the same on every
// replica, whatever its version.
func WindowSeed(team int32, name []byte) uint64 {
	const basis, prime = 0xcbf29ce484222325, 0x100000001b3
	h := uint64(basis)
	for shift := 0; shift < 32; shift += 8 {
		h = (h ^ uint64(uint8(uint32(team)>>shift))) * prime
	}
	for _, c := range name {
		h = (h ^ uint64(c)) * prime
	}
	return h
}

// Window is the start of the window that now, in seconds, lies in: an event is written once per window. A period out of
// range is set to the default or the maximum.
func Window(now, period int64, seed uint64) int64 {
	if period <= 0 {
		period = DefaultPeriod
	}
	period = min(period, MaxPeriod)
	offset := int64(seed % uint64(period))
	shifted := now + offset
	start := shifted - shifted%period
	if shifted%period < 0 {
		start -= period
	}
	return start - offset
}
