package quota

// Grace are the quotas that a project is over and that are not enforced yet, as billing gives it some days to pay.
type Grace struct {
	limits  *Limits
	general bool
	scoped  uint32 // bit i is for limits.Scoped[i]
}

// GraceOf looks a project up. One that a quota is enforced for already has no grace of it, whatever its set says.
func (l *Limits) GraceOf(token string) Grace {
	g := Grace{limits: l, general: l.Grace.Limited(token) && !l.General.Limited(token)}
	for i := range l.Scoped {
		if q := &l.Scoped[i]; q.Grace.Limited(token) && !q.Set.Limited(token) {
			g.scoped |= 1 << i
		}
	}
	return g
}

// Any tells whether there is a quota in grace: rarely.
func (g Grace) Any() bool { return g.general || g.scoped != 0 }

// Resource is the quota that an event passed by grace of, "" if none. Its own kind's goes before the general one.
func (g Grace) Resource(name []byte, productTour bool) string {
	for i := range g.limits.Scoped {
		if q := &g.limits.Scoped[i]; g.scoped&(1<<i) != 0 && q.Matches(name, productTour) {
			return q.Resource
		}
	}
	if g.general {
		return g.limits.Resource
	}
	return ""
}
