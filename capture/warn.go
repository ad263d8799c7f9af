package capture

import (
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hog-go/hog/capture/internal/reject"
	"github.com/hog-go/hog/capture/internal/scan"
	v1 "github.com/hog-go/hog/capture/internal/v1"
	"github.com/hog-go/hog/common/app"
	"github.com/hog-go/hog/common/event"
	"github.com/hog-go/hog/common/kafka"
	"github.com/hog-go/hog/common/warnings"
)

// newWarnings builds what tells projects of events that were refused or changed. It has a small producer of its own, and
// nothing of it is on the way of a request.
func (s *Service) newWarnings(reg prometheus.Registerer) error {
	w := &s.cfg.Warnings
	if !w.Enabled || w.Topic == "" || len(w.Hosts) == 0 {
		return nil
	}
	cfg := warnings.ProducerConfig(kafka.ClientEnv{Hosts: w.Hosts, ClientID: s.cfg.Kafka.ClientID, TLS: w.TLS}.Config())
	cfg.QueueBytes, cfg.MessageMaxBytes = w.QueueMiB<<20, w.MessageMaxBytes
	producer, err := kafka.NewProducer(cfg, s.partLog, reg)
	if err != nil {
		return fmt.Errorf("producer of ingestion warnings: %w", err)
	}
	if s.warnings, err = warnings.New(warnings.Config{Topic: w.Topic}, producer, s.partLog, reg); err != nil {
		return err
	}
	s.app.Add(app.Component{Name: "warnings producer", Run: producer.Run}, app.Component{Name: "warnings", Run: s.warnings.Run})
	return nil
}

// warn sends a warning to the project of token; sample is an event of the request, whose SDK it names.
func (s *Service) warn(token, path string, kind warnings.Type, count int, sample *scan.Event, details map[string]any) {
	if s.warnings == nil {
		return
	}
	w := warnings.Warning{Token: token, Type: kind, Service: "capture", Path: path, Count: max(count, 1), Details: details}
	if kind == warnings.HighVolumeDistinctID {
		w.Step = warnings.StepRateLimit
	}
	if sample != nil {
		w.Lib, w.LibVersion = sdkOf(sample)
	}
	s.warnings.Emit(w)
}

// maxSDKName bounds what a client may call its SDK.
const maxSDKName = 200

// sdkOf reads the name and version of the SDK from the properties of an event.
func sdkOf(e *scan.Event) (lib, version string) {
	if e.Properties == nil {
		return "", ""
	}
	scan.EachMember(e.Properties, func(name, value, _ []byte) {
		if value[0] != '"' || len(value) > maxSDKName {
			return
		}
		var arena []byte
		switch string(name) {
		case "$lib":
			lib = string(scan.Text(value, &arena))
		case "$lib_version":
			version = string(scan.Text(value, &arena))
		}
	})
	return lib, version
}

// refusalWarnings are the refusals of a whole request that its project can do something about.
var refusalWarnings = map[string]warnings.Type{
	reject.NoEventName.Tag: warnings.MissingEventName, reject.NoDistinctID.Tag: warnings.MissingDistinctID,
	reject.NotAI("").Tag: warnings.InvalidAIEvent, reject.TooLarge("").Tag: warnings.MessageSizeTooLarge, reject.AITooBig("", "", 0, 0).Tag: warnings.MessageSizeTooLarge,
	reject.NoSessionID.Tag: warnings.MissingSessionID, reject.InvalidSession.Tag: warnings.InvalidSessionID, reject.NoSnapshot.Tag: warnings.MissingSnapshotData,
}

// warnRefused warns of a request of n events that was refused after its token was known.
func (s *Service) warnRefused(token []byte, path string, err error, n int, sample *scan.Event) {
	if s.warnings == nil {
		return
	}
	e := refusal(err)
	kind, ok := refusalWarnings[e.Tag]
	if !ok {
		return
	}
	if kind == warnings.MessageSizeTooLarge {
		n = 1 // the other events of the request may have been stored
	}
	s.warn(string(token), path, kind, n, sample, nil)
}

// warnAI warns of a request to the AI endpoints that could not be read.
func (s *Service) warnAI(token []byte, path string, e *reject.Error) {
	if e.Status == http.StatusBadRequest {
		s.warn(string(token), path, warnings.InvalidAIPayload, 1, nil, nil)
	}
}

// warnPassed warns of events that were changed on their way.
func (s *Service) warnPassed(b *batch, token []byte, path string) {
	if s.warnings == nil {
		return
	}
	sample := &b.request.Events[0]
	if b.counts.Cut > 0 {
		s.warn(string(token), path, warnings.DistinctIDTruncated, b.counts.Cut, sample, map[string]any{"maxLength": event.MaxDistinctID})
	}
	s.warnLimited(b, string(token), path, sample)
}

// warnLimited warns of distinct ids that send too much for the fleet.
func (s *Service) warnLimited(b *batch, token, path string, sample *scan.Event) {
	if b.judge.limited == 0 {
		return
	}
	s.warn(token, path, warnings.HighVolumeDistinctID, b.judge.limited, sample, map[string]any{"distinctId": string(b.judge.limitedID)})
}

// warnBatch warns of a v1 batch that was refused whole.
func (s *Service) warnBatch(token, path, tag string, n int) {
	s.warn(token, path, warnings.Type(tag), n, nil, nil)
}

// warnV1 warns of the events of a v1 batch that were dropped or limited, once for each reason.
func (s *Service) warnV1(b *batch, head *v1.Header, path string) {
	if s.warnings == nil {
		return
	}
	type group struct {
		count int
		only  *v1.Event
	}
	groups := map[warnings.Type]*group{}
	for i := range b.v1Events {
		e := &b.v1Events[i]
		kind := v1Warning(e)
		if !kind.Known() {
			continue
		}
		if g := groups[kind]; g != nil {
			g.count, g.only = g.count+1, nil // which of them it was would be a guess
		} else {
			groups[kind] = &group{1, e}
		}
	}
	for kind, g := range groups {
		w := warnings.Warning{
			Token: head.Token, Type: kind, Service: "capture", Path: path, Count: g.count, Lib: head.Lib, LibVersion: head.LibVersion, Details: map[string]any{},
		}
		if kind == warnings.HighVolumeDistinctID {
			w.Step = warnings.StepRateLimit
		}
		if g.only != nil {
			w.Details["distinctId"] = string(firstChars(g.only.Sent.DistinctID, event.MaxDistinctID))
			w.Details["eventUuid"] = g.only.Event.ID.String()
		}
		s.warnings.Emit(w)
	}
}

// v1Warning is the kind of warning that the outcome of e asks for, perhaps one that is not known.
func v1Warning(e *v1.Event) warnings.Type {
	switch {
	case e.Result == v1.Warning:
		return warnings.HighVolumeDistinctID
	case e.Result != v1.Drop:
		return ""
	case e.Detail == v1.AITooBig || e.Detail == v1.TooBig:
		return warnings.MessageSizeTooLarge
	case e.Detail == v1.Misrouted:
		return warnings.InvalidAIEvent
	}
	return warnings.Type(e.Detail)
}
