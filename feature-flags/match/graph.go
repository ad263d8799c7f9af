package match

import (
	"slices"
	"strconv"
)

// Metadata is what the main app stores with the flags of its cache about their dependencies. Lists hold flag ids, ascending.
type Metadata struct {
	DependencyStages     [][]int32          `json:"dependency_stages"`
	FlagsWithMissingDeps []int32            `json:"flags_with_missing_deps"`
	TransitiveDeps       map[string][]int32 `json:"transitive_deps"`
}

// arrange puts flags into stages, so that each stands behind those it depends on. Flags in a cycle, and all that depend on them, are in
// no stage. A flag that depends on one that does not exist, or on such a flag, or on a cycle, is an orphan.
func (s *Set) arrange() {
	waiting := make([]int, len(s.flags)) // dependencies that are not staged yet
	dependants := make([][]int32, len(s.flags))
	var stage []int32
	for i, f := range s.flags {
		f.dependsOn = uniq(f.dependsOn)
		waiting[i] = len(f.dependsOn)
		for _, on := range f.dependsOn {
			dependants[on] = append(dependants[on], int32(i))
		}
		if waiting[i] == 0 {
			stage = append(stage, int32(i))
		}
		s.dependent = s.dependent || len(f.dependsOn) > 0
	}
	for len(stage) > 0 {
		slices.SortFunc(stage, func(a, b int32) int { return int(s.flags[a].ID) - int(s.flags[b].ID) })
		s.stages = append(s.stages, stage)
		var next []int32
		for _, i := range stage {
			f := s.flags[i]
			f.staged = true
			for _, on := range f.dependsOn {
				f.orphan = f.orphan || s.flags[on].orphan
			}
			for _, dependant := range dependants[i] {
				if waiting[dependant]--; waiting[dependant] == 0 {
					next = append(next, dependant)
				}
			}
			if f.Active && !f.Deleted {
				s.order = append(s.order, i)
				s.plain = s.plain && f.runtime == RuntimeAll && len(f.contexts) == 0
				s.grouped = s.grouped || f.usesGroups
				s.billable = s.billable || f.billed
			}
		}
		stage = next
	}
	for i, f := range s.flags {
		if !f.staged {
			f.orphan = true
			s.unstaged = append(s.unstaged, int32(i))
		}
	}
}

func uniq(list []int32) []int32 {
	slices.Sort(list)
	return slices.Compact(list)
}

// Metadata describes the dependencies between the flags.
func (s *Set) Metadata() Metadata {
	m := Metadata{DependencyStages: [][]int32{}, FlagsWithMissingDeps: []int32{}, TransitiveDeps: map[string][]int32{}}
	for _, stage := range s.stages {
		ids := make([]int32, len(stage))
		for i, index := range stage {
			ids[i] = s.flags[index].ID
		}
		m.DependencyStages = append(m.DependencyStages, ids)
	}
	for _, f := range s.flags {
		ids := []int32{}
		if f.staged {
			for index := range s.closure([]int32{int32(f.Index)}) {
				if index != int32(f.Index) {
					ids = append(ids, s.flags[index].ID)
				}
			}
		}
		m.TransitiveDeps[strconv.Itoa(int(f.ID))] = uniq(ids)
		if f.orphan {
			m.FlagsWithMissingDeps = append(m.FlagsWithMissingDeps, f.ID)
		}
	}
	m.FlagsWithMissingDeps = uniq(m.FlagsWithMissingDeps)
	return m
}

// closure is the flags and all they depend on.
func (s *Set) closure(of []int32) map[int32]bool {
	reached := map[int32]bool{}
	for len(of) > 0 {
		index := of[len(of)-1]
		of = of[:len(of)-1]
		if !reached[index] {
			reached[index] = true
			of = append(of, s.flags[index].dependsOn...)
		}
	}
	return reached
}
