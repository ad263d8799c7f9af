package app_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hog-go/hog/common/app"
)

func TestHealthStatus(t *testing.T) {
	const deadline = 30 * time.Second
	tests := map[string]struct {
		report func(h *app.Health)
		after  time.Duration
		want   bool
		detail string
	}{
		"row 65 no component":              {func(*app.Health) {}, 0, false, "no health check is registered"},
		"row 66 starting":                  {func(h *app.Health) { h.Register("a", deadline) }, 0, false, "a: starting"},
		"row 66 healthy":                   {func(h *app.Health) { h.Register("a", deadline).Healthy() }, deadline - 1, true, "a: healthy"},
		"row 66 reported unhealthy":        {func(h *app.Health) { h.Register("a", deadline).Unhealthy("no broker") }, 0, false, "a: unhealthy: no broker"},
		"unhealthy after healthy":          {func(h *app.Health) { c := h.Register("a", deadline); c.Healthy(); c.Unhealthy("") }, 0, false, "a: unhealthy"},
		"recovery is possible":             {func(h *app.Health) { c := h.Register("a", deadline); c.Unhealthy("x"); c.Healthy() }, 0, true, "a: healthy"},
		"row 67 one of two past deadline":  {func(h *app.Health) { h.Register("a", time.Hour).Healthy(); h.Register("b", deadline).Healthy() }, 31 * time.Second, false, "a: healthy\nb: stalled: no report for 31s"},
		"a date equal to now is stalled":   {func(h *app.Health) { h.Register("a", deadline).Healthy() }, deadline, false, "a: stalled: no report for 30s"},
		"without deadline it never stalls": {func(h *app.Health) { h.Register("a", 0).Healthy() }, 1000 * time.Hour, true, "a: healthy"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var h app.Health
				tt.report(&h)
				status := h.Status(time.Now().Add(tt.after))
				require.Equal(t, tt.want, status.Healthy)
				require.Equal(t, tt.detail, status.String())

				time.Sleep(tt.after)
				ok, detail := h.Live()
				require.Equal(t, tt.want, ok)
				require.Equal(t, tt.detail, detail)
			})
		})
	}
}

func TestStallMonitor(t *testing.T) {
	const hour = time.Hour // when the run is asked to end, if nothing else ends it
	tests := map[string]struct {
		threshold int
		deadline  time.Duration
		report    func(ctx context.Context, c *app.Check)
		ends      time.Duration
		err       string
		healthy   string // the gauge at the end; "" for not there
	}{
		"row 68 component never reported": {1, time.Second, func(context.Context, *app.Check) {}, hour, "", ""},
		"row 69 threshold 2, one stalled poll then healthy": {2, 3 * time.Second, func(ctx context.Context, c *app.Check) {
			c.Healthy() // stalled at 5 s
			sleep(ctx, 8*time.Second)
			for ctx.Err() == nil {
				c.Healthy()
				sleep(ctx, time.Second)
			}
		}, hour, "", "1"},
		"a good poll in between starts the count anew": {2, 6 * time.Second, func(ctx context.Context, c *app.Check) {
			for ctx.Err() == nil { // every second poll is bad
				c.Healthy()
				sleep(ctx, 10*time.Second)
			}
		}, hour, "", ""},
		"one report, then silence": {1, 12 * time.Second, func(_ context.Context, c *app.Check) { c.Healthy() },
			15 * time.Second, "consumer: health check stalled (stall count 1/1): no report for 15s", "0"},
		"threshold 3": {3, 12 * time.Second, func(_ context.Context, c *app.Check) { c.Healthy() },
			25 * time.Second, "consumer: health check stalled (stall count 3/3): no report for 25s", "0"},
		"unhealthy": {2, time.Minute, func(_ context.Context, c *app.Check) { c.Unhealthy("no broker") },
			10 * time.Second, "consumer: health check unhealthy (stall count 2/2): no broker", "0"},
		"unhealthy without a deadline is advisory": {1, 0, func(_ context.Context, c *app.Check) { c.Unhealthy("no broker") }, hour, "", "0"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := setup(t, app.Options{StallThreshold: tt.threshold})
				check := b.Health().Register("consumer", tt.deadline)
				b.Add(app.Component{Name: "worker", Run: func(ctx context.Context) error {
					tt.report(ctx, check)
					<-ctx.Done()
					return nil
				}})
				ctx, cancel := context.WithTimeout(t.Context(), hour)
				defer cancel()
				begun := time.Now()
				err := b.Run(ctx)
				require.Equal(t, tt.ends, time.Since(begun))
				if tt.err == "" {
					require.NoError(t, err)
				} else {
					require.EqualError(t, err, tt.err)
				}
				if tt.healthy != "" {
					b.metric(t, "lifecycle_component_healthy", "gauge", `lifecycle_component_healthy{component="consumer",service_name="svc"} `+tt.healthy)
				}
			})
		})
	}
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
