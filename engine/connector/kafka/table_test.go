package kafka_test

import (
	"strings"
	"testing"

	"github.com/weirstream/weir/engine/codec"
	"github.com/weirstream/weir/engine/codec/csv"
	"github.com/weirstream/weir/engine/codec/jsonl"
	"github.com/weirstream/weir/engine/connector/kafka"
	"github.com/weirstream/weir/engine/connector/table"
	"github.com/weirstream/weir/engine/types"
)

var formats = kafka.Formats{
	Read: func(o *table.Options, option string) (codec.Format, error) {
		name, err := o.Required(option, "write 'json'")
		if err == nil && name == "csv" {
			return csv.FromOptions(o)
		}
		return jsonl.Format{}, err
	},
	Write: func(o *table.Options, option string) (codec.WriteFormat, error) {
		_, err := o.Required(option, "write 'json'")
		return jsonl.Format{}, err
	},
}

// declared is a table with the options that every one needs, and more; an option that is given as empty is left out.
func declared(pairs ...string) table.Spec {
	given := map[string]string{"topic": "orders", "format": "json", "properties.bootstrap.servers": "127.0.0.1:9092", "scan.startup.mode": "earliest-offset"}
	keys := []string{"topic", "format", "properties.bootstrap.servers", "scan.startup.mode"}
	for i := 0; i < len(pairs); i += 2 {
		if _, ok := given[pairs[i]]; !ok {
			keys = append(keys, pairs[i])
		}
		given[pairs[i]] = pairs[i+1]
	}
	o := table.NewOptions("t", "job.sql:1:1")
	for _, k := range keys {
		if given[k] != "" || strings.HasSuffix(k, "algorithm") {
			o.Set(k, given[k], "job.sql:2:3", false)
		}
	}
	return table.Spec{Name: "t", Schema: types.Schema{{Name: "id", Type: types.BigInt()}, {Name: "name", Type: types.String()}, {Name: "at", Type: types.Timestamp(3)}}, Options: o}
}

func TestWrongOptionsAreRefusedWithWhatToWrite(t *testing.T) {
	for _, c := range []struct {
		name    string
		options []string
		want    string
	}{
		{"no topic", []string{"topic", ""}, "option 'topic' of table t: it is required and is not set"},
		{"a topic and a pattern", []string{"topic-pattern", "x.*"}, "set only one of the two"},
		{"a pattern that is none", []string{"topic", "", "topic-pattern", "("}, "write a regular expression"},
		{"no brokers", []string{"properties.bootstrap.servers", ""}, "write 'properties.bootstrap.servers' = 'host:9092'"},
		{"a broker without a port", []string{"properties.bootstrap.servers", "kafka"}, "'kafka' is not a host and a port"},
		{"a mode that there is not", []string{"scan.startup.mode", "newest"}, "'newest' is not one of its values"},
		{"a group's offsets without a group", []string{"scan.startup.mode", "group-offsets"}, "set 'properties.group.id'"},
		{"the default without a group", []string{"scan.startup.mode", ""}, "set 'properties.group.id'"},
		{"a time that is not asked for", []string{"scan.startup.timestamp-millis", "7"}, "it has no effect with 'scan.startup.mode' = 'earliest-offset'"},
		{"no time", []string{"scan.bounded.mode", "timestamp"}, "'scan.bounded.mode' = 'timestamp' needs it"},
		{"offsets that are none", []string{"scan.startup.mode", "specific-offsets", "scan.startup.specific-offsets", "0:42"}, "'0:42' is not the offset of a partition"},
		{"offsets of a partition twice", []string{"scan.startup.mode", "specific-offsets", "scan.startup.specific-offsets", "partition:0,offset:1;partition:0,offset:2"}, "partition 0 is there twice"},
		{"offsets of two topics", []string{"topic", "a;b", "scan.startup.mode", "specific-offsets", "scan.startup.specific-offsets", "partition:0,offset:1"}, "read one topic"},
		{"keys without a format", []string{"key.fields", "id"}, "set 'key.format'"},
		{"a format without keys", []string{"key.format", "json"}, "name the columns of the key"},
		{"a key that is no column", []string{"key.format", "json", "key.fields", "nam"}, "did you mean 'name'?"},
		{"a prefix that the key has not", []string{"key.format", "json", "key.fields", "id", "key.fields-prefix", "k_", "value.fields-include", "EXCEPT_KEY"}, "the column 'id' does not begin with 'k_'"},
		{"a prefix with all in the value", []string{"key.format", "json", "key.fields", "id", "key.fields-prefix", "i"}, "set 'value.fields-include' = 'EXCEPT_KEY'"},
		{"two formats of the value", []string{"value.format", "json"}, "'format' is the same"},
		{"a header", []string{"format", "csv", "csv.header", "true"}, "a record of a topic has no header"},
		{"SASL without a mechanism", []string{"properties.security.protocol", "SASL_SSL"}, "write PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"},
		{"SASL without credentials", []string{"properties.security.protocol", "SASL_SSL", "properties.sasl.mechanism", "PLAIN"}, "it needs the credentials, in one of three ways"},
		{"SASL with a login that is none", []string{"properties.security.protocol", "SASL_SSL", "properties.sasl.mechanism", "PLAIN", "properties.sasl.jaas.config", "me"}, "it is not the login of a client"},
		{"certificates without TLS", []string{"properties.ssl.truststore.location", "/x"}, "set 'properties.security.protocol' to one of SSL, SASL_SSL"},
		{"a Java keystore", []string{"properties.security.protocol", "SSL", "properties.ssl.keystore.type", "JKS"}, "convert it to PEM"},
		{"a property that is not known", []string{"properties.fetch.min.byte", "7"}, "did you mean 'properties.fetch.min.bytes'?"},
		{"a size that is too large", []string{"properties.fetch.min.bytes", "99999999999"}, "write a number from 1 to 2147483647"},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := declared(c.options...)
			_, err := kafka.TableSource(spec, formats, nil)
			if err == nil {
				err = spec.Options.Check()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "job.sql:") {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestWrongOptionsOfASinkAreRefusedWithWhatToWrite(t *testing.T) {
	for _, c := range []struct {
		name    string
		options []string
		want    string
	}{
		{"two topics", []string{"topic", "a;b"}, "rows are written to one topic"},
		{"a guarantee that there is not", []string{"sink.delivery-guarantee", "exactly"}, "write one of 'at-least-once', 'exactly-once', 'none'"},
		{"a prefix without transactions", []string{"sink.transactional-id-prefix", "x"}, "it has no effect with 'at-least-once'"},
		{"fewer acknowledgements than the guarantee needs", []string{"properties.acks", "1"}, "loses rows when a broker is lost"},
		{"a timeout that is none", []string{"properties.transaction.timeout.ms", "5"}, "it must be at least a second"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := kafka.TableSink(declared(c.options...), formats, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestMetadataColumnsHaveTheirTypes(t *testing.T) {
	for _, c := range []struct {
		key     string
		virtual bool
		want    string // of a source; of a sink if it begins with one
	}{
		{"timestamp", false, ""},
		{"offset", true, "the metadata 'offset' is BIGINT, not TIMESTAMP(3)"},
		{"offest", true, "there is no metadata 'offest'"},
		{"headers", true, "headers are not read yet"},
	} {
		spec := declared()
		spec.Metadata = []table.Metadata{{Column: 2, Key: c.key, Virtual: c.virtual, Place: "job.sql:1:9"}}
		_, err := kafka.TableSource(spec, formats, nil)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "job.sql:1:9: ")) {
			t.Errorf("%s: got %v, want %q", c.key, err, c.want)
		}
	}
	spec := declared()
	spec.Schema[2].Type = types.BigInt()
	spec.Metadata = []table.Metadata{{Column: 2, Key: "offset", Place: "job.sql:1:9"}}
	if _, err := kafka.TableSink(spec, formats, nil); err == nil || !strings.Contains(err.Error(), "METADATA VIRTUAL") {
		t.Errorf("an offset that is written: %v", err)
	}
}
