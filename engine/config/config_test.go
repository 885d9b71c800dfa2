package config

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
)

func usual() Settings {
	var s Settings
	for _, n := range Numbers {
		*n.Of(&s) = n.Default
	}
	for _, d := range Times {
		*d.Of(&s) = d.Default
	}
	return s
}

func TestTheJSONOfSettingsIsWhatOperatorsSend(t *testing.T) {
	s := Settings{
		Parallelism: 3, Interval: 5 * time.Second, Timeout: 10 * time.Minute, MinPause: time.Second, Retained: 7, WholeCheckpoints: true,
		Restart:          Restart{time.Second, time.Minute, time.Hour},
		SavepointStorage: "s3://b/savepoints", Restore: Restore{Path: "s3://b/x", Nonce: 4, AllowRepeatedOutput: true},
	}
	const want = `{"parallelism":3,"intervalMs":5000,"timeoutMs":600000,"minPauseMs":1000,"retained":7,"tolerableFailures":0,` +
		`"restartInitialDelayMs":1000,"restartMaxDelayMs":60000,"restartResetAfterMs":3600000,"wholeCheckpoints":true,"savepointStorage":"s3://b/savepoints",` +
		`"restore":{"path":"s3://b/x","nonce":4,"allowRepeatedOutput":true}}`
	for said, text := range map[*Settings]string{
		&s: want,
		{}: `{"parallelism":0,"intervalMs":0,"timeoutMs":0,"minPauseMs":0,"retained":0,"tolerableFailures":0,` +
			`"restartInitialDelayMs":0,"restartMaxDelayMs":0,"restartResetAfterMs":0}`,
	} {
		got, err := json.Marshal(said)
		if err != nil || string(got) != text {
			t.Errorf("got  %s, %v\nwant %s", got, err, text)
		}
		var back Settings
		if err := json.Unmarshal(got, &back); err != nil || back != *said {
			t.Errorf("read again: %+v, %v", back, err)
		}
	}
	var later Settings
	if err := json.Unmarshal([]byte(`{"parallelism":2,"somethingNew":{"a":1}}`), &later); err != nil || later != (Settings{Parallelism: 2}) {
		t.Errorf("with a name that is not known: %+v, %v", later, err)
	}
	if err := json.Unmarshal([]byte(`{"intervalMs":"soon"}`), &later); err == nil || !strings.Contains(err.Error(), "intervalMs") {
		t.Errorf("a text for a number: %v", err)
	}
}

func TestSettingsAreWithinTheirBounds(t *testing.T) {
	if s := usual(); s.Check(1024) != "" {
		t.Errorf("the defaults: %s", s.Check(1024))
	}
	for name, change := range map[string]func(*Settings){
		"parallelism":           func(s *Settings) { s.Parallelism = 1025 },
		"intervalMs":            func(s *Settings) { s.Interval = 0 },
		"timeoutMs":             func(s *Settings) { Timeout.set(s, math.MaxInt64) },
		"minPauseMs":            func(s *Settings) { s.MinPause = -1 },
		"retained":              func(s *Settings) { s.Retained = 0 },
		"tolerableFailures":     func(s *Settings) { s.TolerableFailures = -1 },
		"restartInitialDelayMs": func(s *Settings) { s.Restart.InitialDelay = 0 },
		"restartMaxDelayMs":     func(s *Settings) { s.Restart.MaxDelay = s.Restart.InitialDelay - time.Millisecond },
		"restartResetAfterMs":   func(s *Settings) { s.Restart.ResetAfter = -time.Second },
	} {
		s := usual()
		change(&s)
		if said := s.Check(1024); !strings.HasPrefix(said, name+" ") {
			t.Errorf("%s: %q", name, said)
		}
	}
	if s := usual(); !strings.Contains(s.Check(0), "maxParallelism") {
		t.Errorf("more subtasks than key groups: %q", s.Check(0))
	}
}
