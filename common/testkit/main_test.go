package testkit_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/hog-go/hog/common/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(testkit.Wrap(m)) }
