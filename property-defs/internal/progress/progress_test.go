package progress_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/property-defs/internal/progress"
)

// marks is what one partition may commit, -1 for nothing.
type marks struct{ offset int64 }

func (m *marks) Mark(offset int64) { m.offset = offset }

func TestOffsetsWaitForTheirWrites(t *testing.T) {
	tr := progress.New()
	a, b := progress.Partition{Topic: "t", ID: 0}, progress.Partition{Topic: "t", ID: 1}
	ma, mb := &marks{-1}, &marks{-1}
	tr.Handled(a, 10, 0, ma)
	require.EqualValues(t, 10, ma.offset, "brought nothing, and nothing is waited for")
	tr.Handled(a, 20, 5, ma)
	tr.Handled(a, 30, 0, ma) // brings nothing, but 20 is waited for
	tr.Handled(b, 7, 0, mb)
	require.EqualValues(t, 10, ma.offset)
	require.EqualValues(t, 7, mb.offset, "not held up by another partition")
	tr.Handled(b, 9, 6, mb)
	tr.Written(4)
	require.EqualValues(t, 10, ma.offset)
	tr.Written(5)
	require.EqualValues(t, 30, ma.offset)
	require.EqualValues(t, 7, mb.offset)
	tr.Handled(a, 40, 8, ma)
	tr.Written(9)
	require.EqualValues(t, 40, ma.offset)
	require.EqualValues(t, 9, mb.offset)
	tr.Handled(a, 50, 9, ma)
	require.EqualValues(t, 50, ma.offset, "written before it was noted")
}

func TestForgottenPartitionsAreNotMarked(t *testing.T) {
	tr := progress.New()
	a, m := progress.Partition{Topic: "t", ID: 0}, &marks{-1}
	tr.Handled(a, 10, 5, m)
	tr.Forget(a)
	tr.Written(5)
	require.EqualValues(t, -1, m.offset)
}

func TestAwait(t *testing.T) {
	tr := progress.New()
	require.True(t, tr.Await(nil, 0))
	done := make(chan bool)
	go func() { done <- tr.Await(nil, 3) }()
	tr.Written(2)
	tr.Written(3)
	require.True(t, <-done)
	ended := make(chan struct{})
	close(ended)
	require.False(t, tr.Await(ended, 4))
}
