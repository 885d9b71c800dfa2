package config

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
)

// wire is the JSON of Settings but for what is declared: that stands before it, in the order of declared.
type wire struct {
	WholeCheckpoints bool    `json:"wholeCheckpoints,omitempty"`
	SavepointStorage string  `json:"savepointStorage,omitempty"`
	Restore          Restore `json:"restore,omitzero"`
}

// declared are all Numbers and Times, in the order of their JSON.
var declared = []interface {
	wire() string // its name
	// get and set are by the number that stands in the JSON.
	get(*Settings) int64
	set(*Settings, int64)
}{Parallelism, Interval, Timeout, MinPause, Retained, TolerableFailures, RestartInitialDelay, RestartMaxDelay, RestartResetAfter}

func (n Number) wire() string { return n.Name }

func (n Number) get(s *Settings) int64 { return int64(*n.Of(s)) }

func (n Number) set(s *Settings, v int64) { *n.Of(s) = int(v) }

func (t Time) wire() string { return t.Name }

func (t Time) get(s *Settings) int64 { return t.Of(s).Milliseconds() }

// set keeps what does not fit into a duration beyond every bound.
func (t Time) set(s *Settings, ms int64) {
	const most = math.MaxInt64 / int64(time.Millisecond)
	*t.Of(s) = time.Duration(max(-most, min(ms, most))) * time.Millisecond
}

// MarshalJSON writes the settings as REST has them: every number, and times in milliseconds.
func (s Settings) MarshalJSON() ([]byte, error) {
	rest, err := json.Marshal(wire{s.WholeCheckpoints, s.SavepointStorage, s.Restore})
	if err != nil {
		return nil, err
	}
	text := []byte{'{'}
	for i, d := range declared {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendQuote(text, d.wire())
		text = append(text, ':')
		text = strconv.AppendInt(text, d.get(&s), 10)
	}
	if len(rest) > len("{}") {
		text = append(text, ',')
	}
	return append(text, rest[1:]...), nil
}

// UnmarshalJSON reads what MarshalJSON writes. A name that is not known is passed over: a newer operator may say more (P8).
func (s *Settings) UnmarshalJSON(text []byte) error {
	var numbers map[string]json.RawMessage
	if err := json.Unmarshal(text, &numbers); err != nil {
		return err
	}
	var w wire
	if err := json.Unmarshal(text, &w); err != nil {
		return err
	}
	*s = Settings{WholeCheckpoints: w.WholeCheckpoints, SavepointStorage: w.SavepointStorage, Restore: w.Restore}
	for _, d := range declared {
		number, said := numbers[d.wire()]
		if !said {
			continue
		}
		var v int64
		if err := json.Unmarshal(number, &v); err != nil {
			return fmt.Errorf("%s: %w", d.wire(), err)
		}
		d.set(s, v)
	}
	return nil
}
